/** Writes to users' records: to the store that serves, and from there to all others, sooner or later. */
import { StoreError, toError } from '../../errors'
import { CLOSING } from '../../hooks'
import type { Block } from '../decision'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf } from '../user-record'
import { give } from './bare'
import { carryOver, DROP, isAlike, type Change, type Note } from './changes'
import type { Comeback } from './comeback'
import type { Copies } from './copies'
import { bounded } from './deadlines'
import type { Journals } from './journals'
import type { Line } from './line'
import { isOfRequest, type Standing } from './standing'

interface WritesParts {
  readonly line: Line
  readonly journals: Journals
  readonly copies: Copies | undefined
  readonly comebacks: readonly Comeback[]
  /** ms. */
  readonly timeout: number
  readonly trouble: (source: string, error: Error) => void
}

/** What was written, as the others are to hear of it. */
interface Written<T> {
  readonly result: T
  /** For the stores in front, which have a state of their own. */
  readonly carried: readonly Note[]
  /** For copies: what there is now. */
  readonly stored: readonly Note[]
}

interface Write<T> {
  readonly place: RecordPlace
  readonly userIds: readonly number[]
  make(standing: Standing): Promise<Written<T>>
}

export class Writes {
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(private readonly parts: WritesParts) {}

  /** Resolves when none is under way any more, or they have been waited for long enough: the journal refuses what comes later. */
  async ended(): Promise<void> {
    if (this.#underWay.size === 0) return
    let timer: NodeJS.Timeout | undefined
    // Holds the process: what is confirmed must be in the file.
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSING + this.parts.timeout)))
    await Promise.race([Promise.allSettled(this.#underWay), late])
    clearTimeout(timer)
  }

  put<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    const userIds = records.map(({ userId }) => userId)
    const make = async ({ store }: Standing) => {
      const result = await store.putRecords(place, records, meeting)
      const at = Date.now()
      const carried = records.map((put) => ({ place, userId: put.userId, change: { put, meeting }, at }))
      const stored = result.flatMap((put) =>
        put === undefined ? [] : { place, userId: put.userId, change: replacing(put), at },
      )
      return { result, carried, stored }
    }
    return this.#write({ place, userIds, make })
  }

  drop<N extends UserNamespace>(
    place: RecordPlace<N>,
    userIds: readonly number[],
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    const make = async (standing: Standing) => {
      const knows = this.parts.copies?.isWhole(standing, place) ?? true
      const dropped = await standing.store.dropRecords(place, userIds)
      const at = Date.now()
      const result = knows ? dropped : dropped.map((one, n) => one ?? unseen(place, userIds[n], at))
      const notes = userIds.map((userId) => ({ place, userId, change: DROP, at }))
      return { result, carried: notes, stored: notes }
    }
    return this.#write({ place, userIds, make })
  }

  /** A decision of this store has added a block. Nobody waits for the others to hear of it. */
  blocked(standing: Standing, space: string, block: Block): void {
    const { copies, trouble } = this.parts
    const place: RecordPlace = { space, namespace: 'blocks' }
    const note = { place, userId: block.userId, at: Date.now() }
    const carried: Note = { ...note, change: { put: block, meeting: 'longer' } }
    const stored: Note = { ...note, change: replacing(block) }
    const done = copies?.touch(place, [block.userId])
    const full = this.#fullFor(standing, carried)
    const spread = this.#spread(
      standing,
      { result: undefined, carried: [carried], stored: [stored] },
      [],
      full,
    )
    this.#watched(spread)
      .catch((thrown: unknown) => trouble('journal', toError(thrown)))
      .finally(done)
  }

  /** Those in front that go without this block, which stands already: it is told of. */
  #fullFor(standing: Standing, { place, userId }: Note): readonly Standing[] {
    const { journals, line, trouble } = this.parts
    const front = line.standings.slice(0, standing.index)
    const full = front.filter(({ isClosed, journal }) => !isClosed && !journal.hasRoom(place, [userId]))
    for (const { name } of full) {
      const then = `does not get the block of user ${userId} that a decision has added; it stands in ${standing.name}`
      trouble('journal', journals.full(name, then))
    }
    return full
  }

  /** The store that serves, and where it fails, those behind it. */
  #write<T>(write: Write<T>): Promise<T> {
    return this.#watched(this.#touchAndWrite(write))
  }

  #watched<T>(work: Promise<T>): Promise<T> {
    const watched = work.finally(() => this.#underWay.delete(watched))
    this.#underWay.add(watched)
    return watched
  }

  async #touchAndWrite<T>(write: Write<T>): Promise<T> {
    const done = this.parts.copies?.touch(write.place, write.userIds)
    try {
      return await this.#writeTo(this.parts.line.serving, write, [])
    } finally {
      done?.()
    }
  }

  async #writeTo<T>(
    standing: Standing | undefined,
    write: Write<T>,
    failed: readonly Standing[],
  ): Promise<T> {
    const { line, journals, timeout } = this.parts
    if (standing === undefined) throw line.noneLeft()
    const front = line.standings.slice(0, standing.index)
    const giveBack = journals.reserve(front, write.place, write.userIds)
    let written: Written<T>
    try {
      written = await standing.inOrder(() => bounded(write.make(standing), timeout, write.userIds.length))
      standing.breaker.succeeded()
    } catch (thrown) {
      giveBack()
      if (isOfRequest(thrown)) throw thrown
      line.failed(standing, thrown)
      const next = line.after(standing)
      if (next === undefined) throw line.unanswered(thrown)
      return this.#writeTo(next, write, [...failed, standing])
    }
    giveBack()
    await this.#spread(standing, written, failed)
    return written.result
  }

  /** Begins at once: what is noted is noted before anything else happens. */
  async #spread(
    standing: Standing,
    { carried, stored }: Written<unknown>,
    failed: readonly Standing[],
    full: readonly Standing[] = [],
  ): Promise<void> {
    const { line } = this.parts
    const front = line.standings.slice(0, standing.index).filter((other) => !full.includes(other))
    const missed = front.filter((other) => !other.isClosed || failed.includes(other))
    const problem = this.#miss(missed, carried)
    const behind = line.standings.slice(standing.index + 1)
    await Promise.all([
      // These have come back while the write was under way.
      ...front.filter((other) => !missed.includes(other)).map((other) => this.#carry(other, carried)),
      ...behind.map((other) => this.#copy(other, stored)),
    ])
    if (problem !== undefined) throw problem
  }

  #miss(missed: readonly Standing[], notes: readonly Note[]): Error | undefined {
    let problem: Error | undefined
    try {
      this.parts.journals.note(missed, notes)
    } catch (thrown) {
      problem = toError(thrown)
    }
    for (const { index, lastError } of missed) {
      this.parts.comebacks[index].missed(lastError ?? new StoreError('it has missed a write'))
    }
    return problem
  }

  async #carry(standing: Standing, notes: readonly Note[]): Promise<void> {
    try {
      await bounded(carryOver(standing.store, notes), this.parts.timeout, notes.length)
    } catch (thrown) {
      this.parts.line.failed(standing, thrown)
      const problem = this.#miss([standing], notes)
      if (problem !== undefined) throw problem
    }
  }

  /** A copy that cannot be kept equal is made anew later. */
  async #copy(standing: Standing, notes: readonly Note[]): Promise<void> {
    const { copies, journals, line, timeout, trouble } = this.parts
    // What it has missed of the same records is not to come after this.
    const outdated = notes.filter(({ place, userId }) => standing.journal.has(place, userId))
    journals.note([standing], outdated)
    if (copies === undefined || notes.length === 0) return
    if (!standing.isClosed) return copies.missed(standing)
    try {
      await standing.inOrder(async () => {
        // While this waited for its turn the store may have failed, or have been closed.
        if (!standing.isClosed || line.isEnded) return copies.missed(standing)
        for (const alike of runsOf(notes)) {
          await give(standing, alike, timeout, (error) => trouble('copies', error))
        }
        copies.written(standing, notes)
      })
    } catch (thrown) {
      copies.missed(standing)
      line.failed(standing, thrown)
    }
  }
}

/**
 * A record that the store in front may have, and that this one does not know: what it is cannot be said, but it is gone. Of
 * members there are no copies.
 */
function unseen<N extends UserNamespace>(
  { namespace }: RecordPlace<N>,
  userId: number,
  since: number,
): UserRecordOf[N] | undefined {
  return namespace === 'members' ? undefined : ({ userId, since } as UserRecordOf[N])
}

function replacing(put: UserRecordOf[UserNamespace]): Change {
  return { put, meeting: 'replace' }
}

/** Neighbours that can be written in one call. */
function runsOf(notes: readonly Note[]): Note[][] {
  const runs: Note[][] = []
  for (const note of notes) {
    const run = runs.at(-1)
    if (run !== undefined && isAlike(run[0], note)) run.push(note)
    else runs.push([note])
  }
  return runs
}
