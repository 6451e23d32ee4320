/** Trying one trigger at a time, for everything that cannot be looked up. */
import type { Context } from 'telegraf'
import type { Update } from 'telegraf/types'
import type { Filter, ReactionTrigger, Trigger } from './route'
import { holds, isObject, isOfKind, type Loose } from './update'

/** What the first matching trigger gives, or something falsy. */
export function firstMatch(triggers: readonly Trigger[], value: unknown, ctx: Context): unknown {
  for (const trigger of triggers) {
    const match = matchOf(trigger, value, ctx)
    if (match) return match
  }
  return undefined
}

function matchOf(trigger: Trigger, value: unknown, ctx: Context): unknown {
  if (typeof trigger === 'function') return trigger(value as string, ctx)
  const text = asText(value)
  if (text === undefined) return undefined
  if (typeof trigger === 'string') return trigger === text ? wholeMatch(text) : undefined
  trigger.lastIndex = 0
  return trigger.exec(text)
}

/** What a RegExp gives that matches a whole text. */
export function wholeMatch(text: string): RegExpExecArray {
  const match = [text] as unknown as RegExpExecArray
  match.index = 0
  match.input = text
  match.groups = undefined
  return match
}

/** A text as a RegExp reads it; `undefined` for what has none. */
export function asText(value: unknown): string | undefined {
  if (typeof value === 'string' || value === undefined) return value
  try {
    return String(value)
  } catch {
    return undefined
  }
}

/** Whether one of the filters of `@On` takes this update. */
export function passes(filters: readonly Filter[], update: Loose): boolean {
  for (const filter of filters) {
    if (typeof filter === 'string' ? isOfKind(update, filter) : takes(filter, update)) return true
  }
  return false
}

function takes(filter: (update: Update) => boolean, update: Loose): boolean {
  try {
    return filter(update as unknown as Update)
  } catch (error) {
    // The filters of `telegraf/filters` throw where a message is no object; what a user's filter throws is theirs.
    if (READ_BY_FILTERS.every((kind) => !(kind in update) || isObject(update[kind]))) throw error
    return false
  }
}

const READ_BY_FILTERS = ['message', 'edited_message', 'channel_post', 'edited_channel_post', 'callback_query']

/** The first of these reactions that was added (with `-`: removed). */
export function firstReaction(
  reactions: readonly ReactionTrigger[],
  update: Loose,
): ReactionTrigger | undefined {
  const change = update['message_reaction']
  const before = listIn(change, 'old_reaction')
  const after = listIn(change, 'new_reaction')
  for (const reaction of reactions) {
    if (typeof reaction === 'string' && reaction.startsWith('-')) {
      if (changed(before, after, reaction.slice(1))) return reaction
    } else if (changed(after, before, reaction)) return reaction
  }
  return undefined
}

/** Whether a reaction is in the first list and not in the second. */
function changed(here: readonly unknown[], there: readonly unknown[], wanted: ReactionTrigger): boolean {
  for (const reaction of here) {
    if (isObject(reaction) && isWanted(reaction, wanted) && !contains(there, reaction)) return true
  }
  return false
}

function contains(list: readonly unknown[], wanted: Loose): boolean {
  for (const reaction of list) if (isObject(reaction) && isSame(reaction, wanted)) return true
  return false
}

/** A text that begins with a digit is the id of a custom emoji, any other an emoji. */
function isWanted(reaction: Loose, wanted: ReactionTrigger): boolean {
  if (typeof wanted !== 'string') return isSame(reaction, wanted as unknown as Loose)
  return reaction[/^[0-9]/.test(wanted) ? 'custom_emoji_id' : 'emoji'] === wanted
}

function isSame(reaction: Loose, other: Loose): boolean {
  if (reaction['type'] === 'custom_emoji') return reaction['custom_emoji_id'] === other['custom_emoji_id']
  return reaction['type'] === 'emoji' && reaction['emoji'] === other['emoji']
}

function listIn(change: unknown, key: string): readonly unknown[] {
  const list = isObject(change) ? change[key] : undefined
  return Array.isArray(list) ? list : []
}

/** Whether an update is the press of a game's button. */
export function isGameQuery(update: Loose): boolean {
  return holds(update['callback_query'], 'game_short_name')
}
