/** What makes a method run: the listeners of Telegraf's Composer, as decorators. A method may carry several. */
import { types } from 'node:util'
import type { Context, Types } from 'telegraf'
import type { Update } from 'telegraf/types'
import { SentinelOptionsError, type Problem } from '../errors'
import type { Filter, Listener, ReactionTrigger, Trigger } from '../routing/route'
import { show } from '../schema'
import { memberOf, misplaced, placeOf, refuseBare, refuseUncalled } from './metadata'
import type { HandlerDecorator } from './types'

/** A text that must be equal, a pattern, or a function whose result becomes `ctx.match`. */
export type TriggerOption<C extends Context = Context> =
  string | RegExp | ((value: string, ctx: C) => RegExpExecArray | null)

/** A kind of update, a kind of message, or a filter such as `message('text')` of `telegraf/filters`. */
export type FilterOption = Types.UpdateType | Types.MessageSubType | ((update: Update) => boolean)

type OneOrMore<T> = T | readonly T[]

/** The command `/start`; `ctx.startPayload` has what a deep link brings. */
export function Start(): HandlerDecorator
export function Start(...args: readonly unknown[]): HandlerDecorator {
  refuseBare('@Start', args)
  return listen('@Start', { kind: 'start', triggers: ['start'] })
}

/** The command `/help`. */
export function Help(): HandlerDecorator
export function Help(...args: readonly unknown[]): HandlerDecorator {
  refuseBare('@Help', args)
  return listen('@Help', { kind: 'command', triggers: ['help'] })
}

/** The command `/settings`. */
export function Settings(): HandlerDecorator
export function Settings(...args: readonly unknown[]): HandlerDecorator {
  refuseBare('@Settings', args)
  return listen('@Settings', { kind: 'command', triggers: ['settings'] })
}

/**
 * A command, written without its slash. The handler finds `match`, `command`, `payload` and `args` on its context.
 *
 * @throws SentinelOptionsError where it stands, for a bad trigger
 * @example
 * @Command(['buy', /^buy_(\d+)$/])
 * async buy(ctx: Context) { await ctx.reply('Bought.') }
 */
export function Command<C extends Context = Context>(trigger: OneOrMore<TriggerOption<C>>): HandlerDecorator
export function Command(...args: readonly unknown[]): HandlerDecorator {
  const triggers = triggersOf('@Command', args)
  throwAny(triggers.flatMap((one) => (typeof one === 'string' ? commandProblems(one) : [])))
  return listen('@Command', { kind: 'command', triggers })
}

/** A message or caption with this text. @throws SentinelOptionsError where it stands, for a bad trigger */
export function Hears<C extends Context = Context>(trigger: OneOrMore<TriggerOption<C>>): HandlerDecorator
export function Hears(...args: readonly unknown[]): HandlerDecorator {
  return listen('@Hears', { kind: 'hears', triggers: triggersOf('@Hears', args) })
}

/** A pressed button with this data. @throws SentinelOptionsError where it stands, for a bad trigger */
export function Action<C extends Context = Context>(trigger: OneOrMore<TriggerOption<C>>): HandlerDecorator
export function Action(...args: readonly unknown[]): HandlerDecorator {
  return listen('@Action', { kind: 'action', triggers: triggersOf('@Action', args) })
}

/** An inline query with this text. @throws SentinelOptionsError where it stands, for a bad trigger */
export function InlineQuery<C extends Context = Context>(
  trigger: OneOrMore<TriggerOption<C>>,
): HandlerDecorator
export function InlineQuery(...args: readonly unknown[]): HandlerDecorator {
  return listen('@InlineQuery', { kind: 'inlineQuery', triggers: triggersOf('@InlineQuery', args) })
}

/**
 * Updates that one of the filters takes.
 *
 * @throws SentinelOptionsError where it stands, for a bad filter
 * @example
 * @On(message('sticker'))
 * async sticker(ctx: Context) { await ctx.reply('Nice.') }
 */
export function On(filter: OneOrMore<FilterOption>): HandlerDecorator
export function On(...args: readonly unknown[]): HandlerDecorator {
  refuseUncalled('@On', args)
  const [filter] = args
  const filters = listOf(
    '@On.filter',
    filter,
    isFilter,
    "a kind of update, or a filter such as message('text')",
  )
  return listen('@On', { kind: 'on', filters: filters as readonly Filter[] })
}

/** The press of a game's button. */
export function GameQuery(): HandlerDecorator
export function GameQuery(...args: readonly unknown[]): HandlerDecorator {
  refuseBare('@GameQuery', args)
  return listen('@GameQuery', { kind: 'gameQuery' })
}

/**
 * A reaction that was added, or with `-` before it taken away. `ctx.match` has the one that matched.
 *
 * @throws SentinelOptionsError where it stands, for a bad reaction
 * @example
 * @Reaction('👍', '-👎')
 * async liked(ctx: Context) { await ctx.reply('Thanks!') }
 */
export function Reaction(
  ...reactions: readonly ReactionTrigger[] | readonly [readonly ReactionTrigger[]]
): HandlerDecorator
export function Reaction(...reactions: readonly unknown[]): HandlerDecorator {
  refuseUncalled('@Reaction', reactions)
  const [first] = reactions
  const list = listOf(
    '@Reaction.reactions',
    reactions.length === 1 && Array.isArray(first) ? first : reactions,
    isReaction,
    "an emoji, the id of a custom emoji, either with '-' before it, or { type, … }",
  )
  return listen('@Reaction', { kind: 'reaction', reactions: list as readonly ReactionTrigger[] })
}

/** Every update, on its way to the routes below; `next()` goes on. */
export function Use(): HandlerDecorator
export function Use(...args: readonly unknown[]): HandlerDecorator {
  refuseBare('@Use', args)
  return listen('@Use', { kind: 'use' })
}

function listen(decorator: string, listener: Listener): HandlerDecorator {
  return (...args: readonly unknown[]): void => {
    const { description, key, label } = placeOf(decorator, args)
    if (key === undefined) throw misplaced(decorator, label, 'a class; it needs a method')
    const member = memberOf(description, key)
    // Decorators run bottom-up; the list is in the order of the source.
    description.members.set(key, { ...member, listeners: [listener, ...member.listeners] })
  }
}

function commandProblems(name: string): Problem[] {
  const path = '@Command.trigger'
  if (name.startsWith('/')) {
    return [{ path, message: `is written without the slash: ${show(name.slice(1))}, not ${show(name)}` }]
  }
  if (!/\s/.test(name)) return []
  return [{ path, message: `is one word (what follows it is ctx.payload), not ${show(name)}` }]
}

function triggersOf(decorator: string, args: readonly unknown[]): readonly Trigger[] {
  refuseUncalled(decorator, args)
  const [trigger] = args
  const right = 'a non-empty string, a RegExp or a function (value, ctx)'
  return listOf(`${decorator}.trigger`, trigger, isTrigger, right) as readonly Trigger[]
}

/** One or more as a list; every item that is wrong is named. */
function listOf(
  path: string,
  value: unknown,
  isRight: (item: unknown) => boolean,
  right: string,
): readonly unknown[] {
  const isList = Array.isArray(value)
  const list: readonly unknown[] = isList ? value : [value]
  if (list.length === 0) throwAny([{ path, message: `must be ${right}, or several of them, not none` }])
  const problems: Problem[] = []
  list.forEach((item, i) => {
    if (isRight(item)) return
    const message = `must be ${right}${isList ? '' : ', or a list of them'}, not ${show(item)}`
    problems.push({ path: isList ? `${path}[${i}]` : path, message })
  })
  throwAny(problems)
  return [...list]
}

function throwAny(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new SentinelOptionsError(problems)
}

function isTrigger(value: unknown): boolean {
  return isFilter(value) || types.isRegExp(value)
}

function isFilter(value: unknown): boolean {
  return typeof value === 'function' || (typeof value === 'string' && value !== '')
}

function isReaction(value: unknown): boolean {
  if (typeof value === 'string') return value !== '' && value !== '-'
  if (typeof value !== 'object' || value === null) return false
  return (
    ('emoji' in value && typeof value.emoji === 'string') ||
    ('custom_emoji_id' in value && typeof value.custom_emoji_id === 'string')
  )
}
