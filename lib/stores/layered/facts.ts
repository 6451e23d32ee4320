/** What is known, by the place that it is known of. */
import type { LimitCheck, Place, Scope } from '../decision'
import { mix53 } from '../../keys'
import type { UserNamespace } from '../record-keys'
import type { Ordered } from './order'

/** Several limits of which only the longest wait is known: together they refuse until then. */
export interface Group {
  /** ms, the store's time. */
  readonly until: number
  readonly size: number
  /** Which request its members were last counted for, and how many of them that has. */
  run: number
  seen: number
}

/** How long a limit refuses one cost. Times are the store's (ms); `learnt` is local. */
export interface Wait {
  readonly cost: number
  /** When it passes; NaN where that is not known. */
  readonly until: number
  /** It passes at this time at the latest. */
  readonly upper: number
  readonly group: Group | undefined
  readonly learnt: number
}

/** One limit of one subject as last seen. Times are the store's (ms); `learnt` is local. */
export interface LimitFact {
  readonly check: LimitCheck
  /** Of a member's limit. */
  readonly chat: number | undefined
  at: number
  remaining: number
  resetAt: number
  learnt: number
  waits: Wait[]
}

/** A mark that holds until then (ms, the store's time). `learnt` (local) is -Infinity where it may not have been set. */
export interface Mark {
  readonly until: number
  readonly learnt: number
}

/** Until when (ms, the store's time) a user is blocked: `Infinity` for ever, `-Infinity` not at all. */
interface BlockFact {
  readonly until: number
  /** ms, the store's time: before, it is not known. A clock that was set back may be in a block that was over. */
  readonly from: number
  readonly learnt: number
}

/**
 * How the store has told that it has no record of a user: it has refused a request for the lack of it (`refused`), it has
 * decided one that does not depend on it (`asked`), or the record was looked up or removed (`found`). A failover store lets
 * pass whomever the copies in its second store may just not know, and has no record of them: only `refused` may refuse.
 */
export type Missing = 'refused' | 'asked' | 'found'

/** Whether the store has a record of a user, and whether the front has a copy of it. */
export interface RecordFact {
  /** `undefined`: there is one. */
  readonly missing: Missing | undefined
  /** The copy can be read. */
  ready: boolean
  readonly learnt: number
}

/** Whether the store has the record, as far as it is known. */
export function isThere(fact: RecordFact | undefined): boolean {
  return fact !== undefined && fact.missing === undefined
}

export type CachedNamespace = Exclude<UserNamespace, 'members'>

/** The places of what belongs to an update as a whole. */
export const ACTOR = { scope: 'actor', key: undefined } as const
export const GLOBAL = { scope: 'global', key: undefined } as const

/** Who and where a request is about. */
export interface Where {
  readonly actor: number | undefined
  readonly chat: number | undefined
}

/** Limits or marks of one place at most: a busy one must not push all others out. */
const MOST = 256

/** All that is known of one actor (and its memberships), chat or own key, or of what is global. */
export class Facts implements Ordered<Facts> {
  limits: LimitFact[] = []
  marks: Map<number, Mark> | undefined
  block: BlockFact | undefined
  records: Record<CachedNamespace, RecordFact | undefined> = { blocks: undefined, registrations: undefined }
  /** Local time of the last note. */
  noted = 0
  /** What it was counted for last. */
  counted = 0
  /** It was forgotten: nobody finds it any more. */
  gone = false
  listed = false
  older: Facts | undefined
  newer: Facts | undefined

  constructor(
    readonly space: Space,
    readonly kind: 'actor' | 'chat' | 'own' | 'global',
    readonly id: number | string,
  ) {}

  get size(): number {
    return 1 + this.limits.length + (this.marks?.size ?? 0)
  }

  limit(check: LimitCheck, chat: number | undefined): LimitFact | undefined {
    for (const fact of this.limits) {
      const known = fact.check
      if (known.id === check.id && known.scope === check.scope && isAt(fact, check, chat)) return fact
    }
    return undefined
  }

  addLimit(fact: LimitFact): void {
    this.limits.push(fact)
    if (this.limits.length > MOST) this.limits.shift()
  }

  dropLimit(fact: LimitFact): void {
    this.limits = this.limits.filter((each) => each !== fact)
  }

  mark(scope: Scope, id: number, chat: number | undefined): Mark | undefined {
    return this.marks?.get(markId(scope, id, chat))
  }

  setMark(scope: Scope, id: number, chat: number | undefined, mark: Mark): void {
    const marks = (this.marks ??= new Map<number, Mark>())
    const key = markId(scope, id, chat)
    marks.delete(key)
    marks.set(key, mark)
    if (marks.size <= MOST) return
    for (const oldest of marks.keys()) {
      marks.delete(oldest)
      break
    }
  }
}

/** Whether the fact is of the member that the request is about. */
function isAt(fact: LimitFact, { scope }: Place, chat: number | undefined): boolean {
  return scope !== 'member' || fact.chat === chat
}

/** Marks of a member lie with the actor. */
function markId(scope: Scope, id: number, chat: number | undefined): number {
  return scope === 'member' ? mix53(id, chat ?? 0) : id
}

/** What is known in one space. */
export class Space {
  readonly actors = new Map<number, Facts>()
  readonly chats = new Map<number, Facts>()
  readonly own = new Map<string, Facts>()
  global: Facts | undefined

  /** Whether requests bring their own time; one with the other clock makes all that is known worthless. */
  injected: boolean | undefined

  constructor(readonly name: string) {}

  /** What is known of a place; `undefined` also where the request names no such place. */
  at({ scope, key }: Place, { actor, chat }: Where): Facts | undefined {
    switch (scope) {
      case 'actor':
      case 'member':
        return actor === undefined ? undefined : this.actors.get(actor)
      case 'chat':
        return chat === undefined ? undefined : this.chats.get(chat)
      case 'global':
        return this.global
      case 'own':
        return key === undefined ? undefined : this.own.get(key)
    }
  }

  /** The same, made where there is none. */
  make({ scope, key }: Place, { actor, chat }: Where): Facts | undefined {
    switch (scope) {
      case 'actor':
      case 'member':
        return actor === undefined ? undefined : made(this.actors, actor, () => this.#facts('actor', actor))
      case 'chat':
        return chat === undefined ? undefined : made(this.chats, chat, () => this.#facts('chat', chat))
      case 'global':
        return (this.global ??= this.#facts('global', ''))
      case 'own':
        return key === undefined ? undefined : made(this.own, key, () => this.#facts('own', key))
    }
  }

  drop({ kind, id }: Facts): void {
    if (kind === 'actor') this.actors.delete(id as number)
    else if (kind === 'chat') this.chats.delete(id as number)
    else if (kind === 'own') this.own.delete(id as string)
    else this.global = undefined
  }

  #facts(kind: Facts['kind'], id: Facts['id']): Facts {
    return new Facts(this, kind, id)
  }
}

function made<K>(map: Map<K, Facts>, key: K, make: () => Facts): Facts {
  const known = map.get(key)
  if (known !== undefined) return known
  const facts = make()
  map.set(key, facts)
  return facts
}
