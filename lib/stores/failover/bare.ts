/** Writes that a store refuses for what is in them: what matters of them is written all the same. */
import { StoreError, toError } from '../../errors'
import type { Block, Registration } from '../decision'
import { carryOver, type Note, type UserRecord } from './changes'
import { bounded, isTimeout } from './deadlines'
import type { Standing } from './standing'

/** A record that a store has only got without its texts. */
interface Refused {
  readonly note: Note
  readonly error: Error
}

/**
 * Gives a store notes of one kind; `told` hears of each record that it has only got without its texts.
 *
 * @throws what the store does, where it is away.
 */
export async function give(
  { name, store }: Standing,
  notes: readonly Note[],
  timeout: number,
  told: (error: StoreError) => void,
): Promise<void> {
  const write = (some: readonly Note[]): Promise<void> =>
    bounded(carryOver(store, some), timeout, some.length)
  for (const refused of await writeAll(notes, write)) told(refusalOf(name, refused))
}

/**
 * Writes notes of one kind in one call or, where that fails, in ever smaller ones. A record that is refused alone is written
 * bare; only if it is taken so the store is well, and the record to blame.
 *
 * @returns those of which the store has less than it was given.
 * @throws what `write` does where the store takes no write of some user: it is away.
 */
async function writeAll(
  notes: readonly Note[],
  write: (notes: readonly Note[]) => Promise<void>,
): Promise<readonly Refused[]> {
  try {
    await write(notes)
    return []
  } catch (thrown) {
    if (isTimeout(thrown) || notes.length === 0) throw thrown
    if (notes.length === 1) return writeBare(notes[0], write, thrown)
  }
  const half = notes.length >> 1
  const refused = await writeAll(notes.slice(0, half), write)
  return [...refused, ...(await writeAll(notes.slice(half), write))]
}

async function writeBare(
  note: Note,
  write: (notes: readonly Note[]) => Promise<void>,
  thrown: unknown,
): Promise<readonly Refused[]> {
  const bare = bareOf(note)
  if (bare === undefined) throw thrown
  await write([bare])
  const error = toError(thrown)
  // It would meet the bare one, and change nothing.
  if (note.change.meeting === 'longer') return [{ note, error }]
  try {
    // The store may have been away before, and be back.
    await write([note])
    return []
  } catch (again) {
    // Another word than before is not about the record.
    if (toError(again).message !== error.message) throw again
  }
  await write([bare])
  return [{ note, error }]
}

/** What the guard goes by, without texts and profile; `undefined` where nothing can be left out. */
function bareOf(note: Note): Note | undefined {
  const { put, meeting } = note.change
  if (put === undefined) return undefined
  const bare = bareRecordOf(note, put)
  const isSmaller = Object.keys(bare).length < Object.keys(put).length
  return isSmaller ? { ...note, change: { put: bare, meeting } } : undefined
}

function bareRecordOf({ place }: Note, put: UserRecord): UserRecord {
  const { userId, since } = put
  if (place.namespace === 'members') return put
  if (place.namespace === 'registrations') return { userId, since } satisfies Registration
  const { until } = put as Block
  return { userId, since, ...(until !== undefined && { until }) } satisfies Block
}

/** What is told of it. */
function refusalOf(name: string, { note: { place, userId }, error }: Refused): StoreError {
  const without = place.namespace === 'blocks' ? 'reason and by' : 'profile'
  return new StoreError(
    `${name} refuses the record of user ${userId} in ${place.namespace} of ${place.space}, and has it without ${without} now: ` +
      error.message,
    { cause: error },
  )
}
