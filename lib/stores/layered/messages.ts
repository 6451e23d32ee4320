/** What processes tell one another of changes: small JSON, with a version. */
import { LONGEST_MESSAGE } from '../channel'
import type { Place } from '../decision'
import { parseJson } from '../json'
import type { Where } from './facts'

const VERSION = 1
const SCOPES: readonly unknown[] = ['actor', 'chat', 'member', 'global', 'own']

/** What has changed in a space. */
export type Change =
  /** Blocks or registrations of these users. */
  | { readonly space: string; readonly users: readonly number[] }
  /** Limits of one place; without a place: any limit. */
  | { readonly space: string; readonly limitsOf?: Place & Where }

/** What a message says; `everything`: anything may have changed. */
export type Heard = Change | 'own' | 'everything'

/** The messages that tell a change, none longer than a channel takes. */
export function messagesOf(from: string, change: Change): string[] {
  const text = JSON.stringify({ v: VERSION, from, ...change })
  if (Buffer.byteLength(text) <= LONGEST_MESSAGE) return [text]
  const { space } = change
  if ('users' in change && change.users.length > 1) {
    const middle = change.users.length >>> 1
    const parts = [change.users.slice(0, middle), change.users.slice(middle)]
    return parts.flatMap((users) => messagesOf(from, { space, users }))
  }
  const shorter = JSON.stringify({ v: VERSION, from, space })
  // What cannot be told makes the others forget everything.
  const fits = !('users' in change) && Buffer.byteLength(shorter) <= LONGEST_MESSAGE
  return [fits ? shorter : JSON.stringify({ v: VERSION, from })]
}

/** Reads a message; one that is not understood may mean anything. */
export function readMessage(own: string, text: string): Heard {
  const message = parseJson(text)
  if (typeof message !== 'object' || message === null) return 'everything'
  const { v, from, space, users, limitsOf } = message as Partial<Record<string, unknown>>
  if (v !== VERSION || typeof from !== 'string') return 'everything'
  if (from === own) return 'own'
  if (typeof space !== 'string') return 'everything'
  if (users !== undefined) return isIds(users) ? { space, users } : 'everything'
  if (limitsOf === undefined) return { space }
  return isPlace(limitsOf) ? { space, limitsOf } : 'everything'
}

function isIds(users: unknown): users is number[] {
  return Array.isArray(users) && users.every((id) => Number.isSafeInteger(id))
}

function isPlace(place: unknown): place is Place & Where {
  if (typeof place !== 'object' || place === null) return false
  const { scope, key, actor, chat } = place as Partial<Record<string, unknown>>
  const isId = (id: unknown): boolean => id === undefined || Number.isSafeInteger(id)
  return SCOPES.includes(scope) && (key === undefined || typeof key === 'string') && isId(actor) && isId(chat)
}
