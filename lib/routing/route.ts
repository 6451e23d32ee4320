/** What a listener decorator asks for, and the route that `scan` makes of it. */
import type { Context } from 'telegraf'
import type { Update } from 'telegraf/types'
import type { Level } from '../policy'

/** A text that must be equal, a pattern, or a function; what it gives becomes `ctx.match`. */
export type Trigger = string | RegExp | ((value: string, ctx: Context) => unknown)

/** A kind of update, a kind of message, or a function such as `message('text')` of `telegraf/filters`. */
export type Filter = string | ((update: Update) => boolean)

/** An emoji, the id of a custom emoji, either with `-` before it (taken away), or a reaction as Telegram sends it. */
export type ReactionTrigger =
  | string
  | { readonly type: 'emoji'; readonly emoji: string }
  | { readonly type: 'custom_emoji'; readonly custom_emoji_id: string }

/** What makes a handler run; the kinds are those of Telegraf's Composer. */
export type Listener =
  | { readonly kind: 'start' | 'command'; readonly triggers: readonly Trigger[] }
  | { readonly kind: 'hears' | 'action' | 'inlineQuery'; readonly triggers: readonly Trigger[] }
  | { readonly kind: 'on'; readonly filters: readonly Filter[] }
  | { readonly kind: 'reaction'; readonly reactions: readonly ReactionTrigger[] }
  | { readonly kind: 'gameQuery' }
  | { readonly kind: 'use' }

/** A listener with the method that it leads to and the guards in front of it. */
export type Route = Listener & {
  /** The method, bound to its instance. */
  readonly handler: (ctx: Context, next: () => Promise<void>) => unknown
  /** `Shop.buy`, for messages. */
  readonly label: string
  readonly levels: {
    /** The guards of the class and its parents, parents first. */
    readonly classes: readonly Level[]
    readonly method: Level
  }
}
