/**
 * Where a subject lies: one string per subject, all that an actor has (members of chats too) in one slot. A subject's hash
 * tag is its group, one of 4096, so that an index of a group's users lies in the slot of those users.
 *
 * No other key of ours has a brace, as escaped parts have none.
 */
import { SentinelUsageError } from '../../errors'
import { escapePart, hash53, mix53 } from '../../keys'
import type { DecisionRequest, Place, Scope } from '../decision'
import type { UserNamespace, Whereabouts } from '../record-keys'

/** How many groups there are. */
export const GROUPS = 4096

const TAGS = Array.from({ length: GROUPS }, (_, group) => `{${group.toString(16).padStart(3, '0')}}`)

/** The group of an actor or a chat. */
export function groupOf(id: number): number {
  return mix53(id, 0) & (GROUPS - 1)
}

/** The hash tag of a place: places of one tag share a slot. */
export function tagOf(where: Whereabouts, place: Place): string {
  switch (place.scope) {
    case 'actor':
    case 'member':
      return TAGS[groupOf(known(where.actor, 'actor', place.scope))]
    case 'chat':
      return TAGS[groupOf(known(where.chat, 'chat', place.scope))]
    case 'global':
      return TAGS[textGroup('')]
    case 'own':
      return TAGS[textGroup(known(place.key, 'key', place.scope))]
  }
}

/** The place of what belongs to the update as a whole: its duplicate mark, its block, its notices. */
export function homeOf({ actor }: Pick<DecisionRequest, 'actor'>): Place {
  return { scope: actor === undefined ? 'global' : 'actor', key: undefined }
}

/** The key of a place's string. */
export function subjectKey(where: Whereabouts, place: Place): string {
  const tag = tagOf(where, place)
  const { space, actor, chat } = where
  switch (place.scope) {
    case 'actor':
      return `${space}:actor:${tag}:${actor}`
    case 'chat':
      return `${space}:chat:${tag}:${known(chat, 'chat', 'chat')}`
    case 'member':
      return `${space}:member:${tag}:${actor}.${known(chat, 'chat', 'member')}`
    case 'global':
      return `${space}:global:${tag}:`
    case 'own':
      return `${space}:own:${tag}:${escapePart(place.key ?? '')}`
  }
}

/** The key of an actor's string, which holds the user's records too. */
export function actorKey(space: string, actor: number): string {
  return `${space}:actor:${TAGS[groupOf(actor)]}:${actor}`
}

/** The key of the index of a group's users who have such a record. */
export function indexKey(space: string, namespace: UserNamespace, group: number): string {
  return `${space}:${namespace}:${TAGS[group]}`
}

function textGroup(text: string): number {
  return hash53(text) & (GROUPS - 1)
}

function known<T>(id: T | undefined, what: string, scope: Scope): T {
  if (id === undefined) throw new SentinelUsageError(`a check of scope '${scope}' needs the update's ${what}`)
  return id
}

/**
 * Makes sure that every check of a request has a place.
 *
 * @throws SentinelUsageError where a check's scope needs an id that the request has not.
 */
export function checkPlaces(where: Whereabouts, places: readonly Place[]): void {
  for (const { scope, key } of places) {
    if (scope === 'own') known(key, 'key', scope)
    if (scope === 'actor' || scope === 'member') known(where.actor, 'actor', scope)
    if (scope === 'chat' || scope === 'member') known(where.chat, 'chat', scope)
  }
}
