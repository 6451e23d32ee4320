/** A write to a user's record as it is kept, carried over, and made one with those before it. */
import type { Block } from '../decision'
import { inForce } from '../judge'
import type { StorageAdapter } from '../store'
import { met, type Meeting, type RecordPlace, type UserNamespace, type UserRecordOf } from '../user-record'

export type UserRecord = UserRecordOf[UserNamespace]

/** `longer`: a block that a decision has added; a block that stands and ends no sooner is left. */
export type Carrying = Meeting | 'longer'

export type Change =
  | { readonly put: UserRecord; readonly meeting: Carrying }
  | { readonly put: undefined; readonly meeting?: undefined }

/** What has happened to one record. */
export interface Note {
  readonly place: RecordPlace
  readonly userId: number
  readonly change: Change
  /** When it was written (ms since the epoch). */
  readonly at: number
}

export const DROP: Change = { put: undefined }

/** Which record it is about, of all. */
export function noteKey({ space, namespace }: RecordPlace, userId: number): string {
  return `${space}:${namespace}:${userId}`
}

/** What two changes of one record come to, one after the other, whatever was there before them. */
export function merged(former: Change | undefined, next: Change): Change {
  if (former === undefined || next.put === undefined) return next
  if (former.put === undefined) return { put: next.put, meeting: 'replace' }
  const { meeting } = former
  switch (next.meeting) {
    case 'replace':
      return next
    case 'longer':
      // Whoever added it knew of the former one.
      return { put: next.put, meeting }
    default:
      return { put: met(next.put, former.put, next.meeting) ?? former.put, meeting }
  }
}

/** Writes notes that all mean the same place and the same kind of change. */
export async function carryOver(store: StorageAdapter, notes: readonly Note[]): Promise<void> {
  if (notes.length === 0) return
  const [{ place, change }] = notes
  if (change.put === undefined) {
    const ids = notes.map(({ userId }) => userId)
    await store.dropRecords(place, ids)
    return
  }
  const records = notes.flatMap((note) => note.change.put ?? [])
  if (change.meeting === 'longer') await putLonger(store, place, records as Block[])
  else await store.putRecords(place, records, change.meeting)
}

/** A ban that somebody has set meanwhile is not to end sooner because a flood was stopped elsewhere. */
async function putLonger(store: StorageAdapter, place: RecordPlace, blocks: readonly Block[]): Promise<void> {
  const blocksOf: RecordPlace<'blocks'> = { space: place.space, namespace: 'blocks' }
  const standing = await Promise.all(blocks.map(({ userId }) => store.findRecord(blocksOf, userId)))
  const wanted = blocks.filter((block, n) => isLonger(block, inForce(standing[n], block.since)))
  if (wanted.length > 0) await store.putRecords(blocksOf, wanted, 'replace')
}

function isLonger(block: Block, standing: Block | undefined): boolean {
  if (standing === undefined) return true
  return standing.until !== undefined && (block.until === undefined || block.until > standing.until)
}

/** The same kind of change at the same place: they can be written in one call. */
export function isAlike(a: Note, b: Note): boolean {
  return (
    a.change.meeting === b.change.meeting &&
    a.place.namespace === b.place.namespace &&
    a.place.space === b.place.space
  )
}
