/** Listeners, each as a decorator and as what this run's Telegraf has for it. */
import type { Composer, Context } from 'telegraf'
import { callbackQuery, channelPost, message } from 'telegraf/filters'
import {
  Action,
  Command,
  Controller,
  GameQuery,
  Hears,
  Help,
  InlineQuery,
  On,
  Reaction,
  Settings,
  Start,
  Use,
} from 'telegraf-sentinel'
import type { ControllerClass, HandlerDecorator } from '../../lib/decorators/types'
import { telegrafSince } from './loaded'

export type Next = () => Promise<void>
export type Handler = (ctx: Context, next: Next) => Promise<unknown> | void

/** One listener, as a decorator and as what Telegraf has for it. */
export interface Twin {
  readonly name: string
  readonly ours: HandlerDecorator
  readonly theirs: (composer: Composer<Context>, handler: Handler) => unknown
  /** Left out of the comparison where this Telegraf is older: the first minor version that has it. */
  readonly since?: number
}

export interface Visit {
  readonly listener: string
  readonly match: unknown
  readonly payload: unknown
  readonly args: unknown
  readonly startPayload: unknown
}

const word = (value: string) => /^(?<first>\w+) (\w+)$/.exec(value)

export const TWINS: readonly Twin[] = [
  { name: 'use', ours: Use(), theirs: (bot, handler) => bot.use(handler) },
  { name: 'start', ours: Start(), theirs: (bot, handler) => bot.start(handler as never) },
  { name: 'help', ours: Help(), theirs: (bot, handler) => bot.help(handler as never) },
  { name: 'settings', ours: Settings(), theirs: (bot, handler) => bot.settings(handler as never) },
  { name: 'command', ours: Command('buy'), theirs: (bot, handler) => bot.command('buy', handler) },
  {
    name: 'commands',
    ours: Command(['sell', 'buy']),
    theirs: (bot, handler) => bot.command(['sell', 'buy'], handler),
  },
  {
    name: 'command by pattern',
    ours: Command(/^b(.)y$/),
    theirs: (bot, handler) => bot.command(/^b(.)y$/ as never, handler),
    since: 12,
  },
  { name: 'hears', ours: Hears('hello'), theirs: (bot, handler) => bot.hears('hello', handler) },
  {
    name: 'hears by pattern',
    ours: Hears([/^\/b/, /(?<all>.+)/g]),
    theirs: (bot, handler) => bot.hears([/^\/b/, /(?<all>.+)/g], handler),
  },
  { name: 'hears by function', ours: Hears(word), theirs: (bot, handler) => bot.hears(word, handler) },
  { name: 'action', ours: Action('buy'), theirs: (bot, handler) => bot.action('buy', handler) },
  {
    name: 'action by pattern',
    ours: Action(/^buy:(\d+)$/),
    theirs: (bot, handler) => bot.action(/^buy:(\d+)$/, handler),
  },
  {
    name: 'inline query',
    ours: InlineQuery('cats'),
    theirs: (bot, handler) => bot.inlineQuery('cats', handler),
  },
  {
    name: 'inline query by pattern',
    ours: InlineQuery(/./),
    theirs: (bot, handler) => bot.inlineQuery(/./, handler),
  },
  { name: 'game', ours: GameQuery(), theirs: (bot, handler) => bot.gameQuery(handler as never) },
  {
    name: 'reaction',
    ours: Reaction('👍', '-👎'),
    theirs: (bot, handler) => bot.reaction(['👍', '-👎'], handler),
    since: 15,
  },
  { name: 'on a kind', ours: On('message'), theirs: (bot, handler) => bot.on('message', handler) },
  {
    name: 'on a kind of message',
    ours: On(['sticker', 'photo']),
    theirs: (bot, handler) => bot.on(['sticker', 'photo'], handler),
  },
  {
    name: 'on a filter',
    ours: On([message('text', 'entities'), callbackQuery('data'), channelPost()]),
    theirs: (bot, handler) =>
      bot.on([message('text', 'entities'), callbackQuery('data'), channelPost()], handler),
  },
  {
    name: 'on a function',
    ours: On((update) => update.update_id % 2 === 0),
    theirs: (bot, handler) =>
      bot.on(((update: { update_id: number }) => update.update_id % 2 === 0) as never, handler),
  },
]

export const COMPARED = TWINS.filter(({ since = 0 }) => telegrafSince(since))

export function twinOf(listener: string): Twin {
  const twin = COMPARED.find(({ name }) => name === listener)
  if (twin === undefined) throw new Error(`there is no listener ${listener}`)
  return twin
}

/** What a handler finds on its context, as far as this Telegraf and ours promise the same. */
export function visitOf(listener: string, ctx: Context): Partial<Visit> {
  // Triggers are evaluated before any `@Use` runs: it may find the match of what follows.
  if (listener === 'use') return { listener }
  const seen = ctx as Context & Record<'match' | 'payload' | 'args' | 'startPayload', unknown>
  const { match } = seen
  const isText = /^(hears|action|inline)/.test(listener)
  return {
    listener,
    // Telegraf 4.11 has only `startPayload`; 4.13 has no `match` for commands.
    match: isText || telegrafSince(15) ? spelledOut(match) : undefined,
    payload: telegrafSince(12) ? seen.payload : undefined,
    args: telegrafSince(12) ? seen.args : undefined,
    startPayload: seen.startPayload,
  }
}

/** The groups of a match as well. */
function spelledOut(match: unknown): unknown {
  if (!Array.isArray(match)) return match
  const { index, input, groups } = match as unknown as RegExpExecArray
  return { all: [...(match as string[])], index, input, groups: { ...groups } }
}

/** A controller with one method for each of them. */
export function controllerOf(
  twins: readonly Twin[],
  handlerOf: (twin: Twin, position: number) => Handler,
): ControllerClass {
  class Listeners {}
  twins.forEach((twin, position) => {
    const name = `${position} ${twin.name}`
    const descriptor: TypedPropertyDescriptor<Handler> = {
      value: handlerOf(twin, position),
      configurable: true,
    }
    Object.defineProperty(Listeners.prototype, name, descriptor)
    twin.ours(Listeners.prototype, name, descriptor)
  })
  Controller()(Listeners)
  return Listeners
}
