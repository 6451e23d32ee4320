/** Where the records of a space lie. */
import { SentinelUsageError } from '../errors'
import { escapePart, keyOf } from '../keys'
import type { Place } from './decision'

/** Namespaces of records that hold one thing per user. */
export type UserNamespace = 'blocks' | 'registrations' | 'members'

/** Who and where a decision is about. */
export interface Whereabouts {
  readonly space: string
  readonly actor: number | undefined
  readonly chat: number | undefined
}

/** The record of a place: it holds all counters and marks of that place, whatever their buckets. */
export function placeKey({ space, actor, chat }: Whereabouts, { scope, key }: Place): string {
  switch (scope) {
    case 'actor':
      return keyOf(space, 'actor', '', known(actor, 'actor', scope))
    case 'chat':
      return keyOf(space, 'chat', '', known(chat, 'chat', scope))
    case 'member':
      return memberPrefix(space, known(chat, 'chat', scope)) + known(actor, 'actor', scope)
    case 'global':
      return keyOf(space, 'global', '', '')
    case 'own':
      return keyOf(space, 'own', '', known(key, 'key', scope))
  }
}

/** What the keys of all members of a chat start with. */
export function memberPrefix(space: string, chat: number): string {
  return keyOf(space, 'member', String(chat), '')
}

/** The record of one user. */
export function userKey(space: string, namespace: UserNamespace, userId: number): string {
  return userPrefix(space, namespace) + userId
}

/** What the keys of all records of such a namespace start with. */
export function userPrefix(space: string, namespace: UserNamespace): string {
  return keyOf(space, namespace, '', '')
}

/** A bucket's name inside a record: escaped like a key, since not every store holds every string inside a value. */
export function bucketKey(bucket: string): string {
  return escapePart(bucket)
}

function known<T>(id: T | undefined, what: string, scope: string): T {
  if (id === undefined) throw new SentinelUsageError(`a check of scope '${scope}' needs the update's ${what}`)
  return id
}
