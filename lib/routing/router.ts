/**
 * Which route is next for an update.
 *
 * It matches what a chain of Telegraf's Composers matches, and puts on the context what they put there; but texts are
 * looked up, so two hundred commands cost what ten do.
 *
 * @see https://github.com/telegraf/telegraf/blob/v4/src/composer.ts what it follows
 */
import type { Context } from 'telegraf'
import { defineArgs } from './args'
import type { Route, Trigger } from './route'
import { asText, firstMatch, firstReaction, isGameQuery, passes, wholeMatch } from './triggers'
import { commandLength, commandOf, isObject, isOfKind, messageOf, textOf, type Loose } from './update'

const NONE = -1

/** Positions of routes by the text that they wait for, ascending. */
type Lookup = Map<string, number[]>

interface Matched {
  match: unknown
  command: string
  payload: string
  startPayload: string
}

export class Router {
  readonly #commands: Lookup = new Map()
  readonly #hears: Lookup = new Map()
  readonly #actions: Lookup = new Map()
  readonly #inlineQueries: Lookup = new Map()
  /** Positions of the routes that cannot be looked up, ascending. */
  readonly #tried: number[] = []
  readonly #uses: number[] = []
  #readsCommands = false
  #readsTexts = false

  /** @param routes in order of registration */
  constructor(readonly routes: readonly Route[]) {
    routes.forEach((route, position) => this.#add(route, position))
  }

  /**
   * Position of the first route at or after `from` (a `@Use` apart) whose trigger matches, or -1. What a handler of
   * that route finds on its context (`match`, `command`, `payload`, `args`, `startPayload`) is then in place.
   *
   * @throws what a trigger function throws; never because of a malformed update
   */
  next(ctx: Context, from: number): number {
    const update: unknown = ctx.update
    if (from >= this.routes.length || !isObject(update)) return NONE
    const command = this.#readsCommands ? commandOf(update, ctx.me) : undefined
    const text = this.#readsTexts ? textOf(update) : undefined
    const found = this.#lookUp(update, command, text, from)

    const tried = this.#tried
    for (let i = firstAtOrAfter(tried, from); i < tried.length; i++) {
      const position = tried[i]
      if (found !== NONE && position > found) break
      if (this.#matches(this.routes[position], ctx, update, command, text)) return position
    }
    if (found !== NONE) this.#assign(this.routes[found], ctx, update, command, text)
    return found
  }

  /** Position of the first `@Use` at or after `from`, or -1. */
  nextUse(from: number): number {
    const i = firstAtOrAfter(this.#uses, from)
    return i < this.#uses.length ? this.#uses[i] : NONE
  }

  #add(route: Route, position: number): void {
    if (route.kind === 'use') {
      this.#uses.push(position)
      return
    }
    if ('triggers' in route) {
      const isCommand = route.kind === 'command' || route.kind === 'start'
      if (isCommand) this.#readsCommands = true
      else this.#readsTexts = true
      // The order of a route's own triggers decides `ctx.match`, so one that is no text has all of them tried.
      if (route.triggers.every(isString)) {
        for (const trigger of new Set(route.triggers)) {
          const positions = this.#lookupOf(route.kind).get(trigger)
          if (positions === undefined) this.#lookupOf(route.kind).set(trigger, [position])
          else positions.push(position)
        }
        return
      }
    }
    this.#tried.push(position)
  }

  #lookupOf(kind: 'start' | 'command' | 'hears' | 'action' | 'inlineQuery'): Lookup {
    if (kind === 'hears') return this.#hears
    if (kind === 'action') return this.#actions
    return kind === 'inlineQuery' ? this.#inlineQueries : this.#commands
  }

  /** Position of the first route at or after `from` that waits for this very text, or -1. */
  #lookUp(update: Loose, command: string | undefined, text: unknown, from: number): number {
    let found = command === undefined ? NONE : firstIn(this.#commands, command, from)
    if (text === undefined) return found
    if (this.#hears.size > 0 && isOfKind(update, 'text')) found = sooner(found, this.#hears, text, from)
    if (this.#actions.size > 0 && isOfKind(update, 'callback_query')) {
      found = sooner(found, this.#actions, text, from)
    }
    if (this.#inlineQueries.size > 0 && isOfKind(update, 'inline_query')) {
      found = sooner(found, this.#inlineQueries, text, from)
    }
    return found
  }

  /** Tries one route's triggers; where one matches, the context is ready for the handler. */
  #matches(route: Route, ctx: Context, update: Loose, command: string | undefined, text: unknown): boolean {
    if (route.kind === 'on') return passes(route.filters, update)
    if (route.kind === 'gameQuery') return isGameQuery(update)
    let match: unknown
    if (route.kind === 'reaction') match = firstReaction(route.reactions, update)
    else if (route.kind === 'command' || route.kind === 'start') {
      if (command === undefined) return false
      match = firstMatch(route.triggers, command, ctx)
      if (match) assignCommand(route, ctx, update, command)
    } else if (route.kind !== 'use') {
      if (text === undefined || !isOfKind(update, UPDATE_OF[route.kind])) return false
      match = firstMatch(route.triggers, text, ctx)
    }
    if (!match) return false
    ;(ctx as Context & Partial<Matched>).match = match
    return true
  }

  #assign(route: Route, ctx: Context, update: Loose, command: string | undefined, text: unknown): void {
    const target = ctx as Context & Partial<Matched>
    if (command !== undefined && (route.kind === 'command' || route.kind === 'start')) {
      target.match = wholeMatch(command)
      assignCommand(route, ctx, update, command)
    } else target.match = wholeMatch(asText(text) ?? '')
  }
}

/** What `Composer.on` is asked by `hears`, `action` and `inlineQuery`. */
const UPDATE_OF = { hears: 'text', action: 'callback_query', inlineQuery: 'inline_query' } as const

function assignCommand(route: Route, ctx: Context, update: Loose, command: string): void {
  const target = ctx as Context & Partial<Matched>
  const message = messageOf(update)
  target.command = command
  target.payload = (message?.['text'] as string).slice(commandLength(message) + 1)
  if (route.kind === 'start') target.startPayload = target.payload
  defineArgs(ctx)
}

function isString(trigger: Trigger): trigger is string {
  return typeof trigger === 'string'
}

function sooner(found: number, lookup: Lookup, text: unknown, from: number): number {
  const key = asText(text)
  const other = key === undefined ? NONE : firstIn(lookup, key, from)
  return other === NONE || (found !== NONE && found < other) ? found : other
}

function firstIn(lookup: Lookup, key: string, from: number): number {
  const positions = lookup.get(key)
  if (positions === undefined) return NONE
  const i = firstAtOrAfter(positions, from)
  return i < positions.length ? positions[i] : NONE
}

/** Index of the first of these ascending positions that is not before `from`. */
function firstAtOrAfter(positions: readonly number[], from: number): number {
  let low = 0
  let high = positions.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (positions[middle] < from) low = middle + 1
    else high = middle
  }
  return low
}
