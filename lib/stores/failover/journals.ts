/** What each store has missed, in memory and, where it is wanted, in a file. */
import { StoreError } from '../../errors'
import { ownMember } from '../json'
import type { Meeting, RecordPlace, UserNamespace } from '../user-record'
import { DROP, type Carrying, type Change, type Note, type UserRecord } from './changes'
import { JournalFile, type BadLine } from './journal-file'
import type { Standing } from './standing'

const NAMESPACES: readonly unknown[] = ['blocks', 'registrations', 'members'] satisfies UserNamespace[]
const MEETINGS: readonly unknown[] = ['replace', 'keep-since', 'later', 'longer'] satisfies (
  Meeting | Carrying
)[]

/** A file is written anew when it has so many lines per write that still matters, and a good many more. */
const WASTE = 4
const SMALL = 10_000

/** A line of the file: a note, and the names of the stores that missed it. */
interface Line {
  readonly to: readonly string[]
  readonly note: Note
}

export class Journals {
  #file: JournalFile | undefined
  /** Whether lines are in the file that it should not have any more. */
  #stale = false
  /** Whether a store has got some of what it missed, which is still in the file. */
  #advanced = false
  #closed = false

  constructor(
    private readonly standings: readonly Standing[],
    private readonly options: { readonly most: number; readonly file: string | undefined },
  ) {}

  /**
   * Reads the file, if there is to be one. What makes no sense in it, or is for a store that is not there, is put aside with a
   * copy of the file.
   *
   * @returns what is to be told of it.
   * @throws StoreError where it cannot be used.
   */
  open(): readonly StoreError[] {
    if (this.options.file === undefined || this.#file !== undefined) return []
    const { file, lines, bad, torn } = JournalFile.open(this.options.file, lineOf)
    const strangers = new Set(lines.flatMap(({ to }) => to.filter((name) => this.#named(name) === undefined)))
    const told = torn === undefined ? [] : [tornLine(file.path, torn)]
    try {
      const aside = bad.length + strangers.size > 0 ? file.putAside() : undefined
      for (const { to, note } of lines) {
        const known = to.flatMap((name) => this.#named(name) ?? [])
        this.#missedBy(known).forEach(({ journal }) => journal.note(note))
      }
      if (aside !== undefined) {
        file.rewrite(this.#live())
        if (bad.length > 0) told.push(badLines(file.path, bad, aside))
        for (const name of strangers) told.push(this.#noSuch(name, file.path, aside))
      }
    } catch (error) {
      file.close()
      throw error
    }
    this.#file = file
    return told
  }

  /**
   * Keeps places for writes that these stores will miss; what gives them back.
   *
   * @throws StoreError where one of the journals is full.
   */
  reserve(standings: readonly Standing[], place: RecordPlace, userIds: readonly number[]): () => void {
    const given: (() => void)[] = []
    const giveBack = (): void => given.splice(0).forEach((give) => give())
    for (const { journal, name } of standings) {
      const places = journal.reserve(place, userIds)
      if (places === undefined) {
        giveBack()
        throw this.full(name, 'this one could not be carried over to it; nothing was written')
      }
      given.push(places)
    }
    return giveBack
  }

  /**
   * Notes what these stores have missed.
   *
   * @throws StoreError where the file does not take it; it is noted in memory all the same.
   */
  note(standings: readonly Standing[], notes: readonly Note[]): void {
    if (standings.length === 0 || notes.length === 0) return
    for (const { journal } of standings) notes.forEach((note) => journal.note(note))
    if (this.#closed) throw new StoreError('the store is closed, and its journal takes no more writes')
    if (this.#file === undefined) return
    const to = standings.map(({ name }) => name)
    this.#file.append(notes.map((note) => textOf({ to, note })))
    const live = this.standings.reduce((count, { journal }) => count + journal.size, 0)
    if (this.#stale || this.#file.lines > WASTE * live + SMALL) this.#compact()
  }

  /** A store has got some of what it missed. */
  advanced(): void {
    this.#advanced = true
  }

  /**
   * A store has got what it missed.
   *
   * @throws StoreError where the file cannot be emptied.
   */
  replayed(): void {
    if (this.#file !== undefined && this.#file.lines > 0) this.#compact()
  }

  /** @throws StoreError where the file cannot be brought up to date. */
  close(): void {
    this.#closed = true
    const file = this.#file
    try {
      if (this.#stale || this.#advanced) this.#compact()
    } finally {
      this.#file = undefined
      file?.close()
    }
  }

  /** A store behind those may have lost with the last process what it had taken in their stead: it gets it as well. */
  #missedBy(to: readonly Standing[]): readonly Standing[] {
    const first = Math.min(...to.map(({ index }) => index))
    return this.standings.filter((standing) => to.includes(standing) || standing.index > first)
  }

  /** Where that fails, it is tried again: what has been replayed must not be replayed over what was written since. */
  #compact(): void {
    this.#stale = true
    this.#file?.rewrite(this.#live())
    this.#stale = false
    this.#advanced = false
  }

  #live(): string[] {
    return this.standings.flatMap(({ name, journal }) =>
      [...journal.values()].map((note) => textOf({ to: [name], note })),
    )
  }

  #named(name: string): Standing | undefined {
    return this.standings.find((one) => one.name === name)
  }

  #noSuch(name: string, path: string, aside: string): StoreError {
    return new StoreError(
      `the journal ${path} has writes that '${name}' is to get, and no store is called so; the stores are ` +
        `${this.standings.map((one) => `'${one.name}'`).join(', ')}. They are left out; ${aside} is a copy of the file`,
    )
  }

  /** That a store's journal is full, and what comes of it. */
  full(name: string, then: string): StoreError {
    const { most } = this.options
    return new StoreError(
      `the journal is full: ${name} has missed writes of ${most} users (journal.most), and ${then}`,
    )
  }
}

function badLines(path: string, bad: readonly BadLine[], aside: string): StoreError {
  const [{ number, text }] = bad
  const others = bad.length > 1 ? ` (as do ${bad.length - 1} more)` : ''
  return new StoreError(
    `line ${number} of the journal ${path} makes no sense${others}, and is left out; ${aside} is a copy of the file: ${shown(text)}`,
  )
}

function tornLine(path: string, torn: string): StoreError {
  return new StoreError(
    `the journal ${path} ends in a line that was not finished, and that nobody was told of as written; it is left out: ` +
      shown(torn),
  )
}

function shown(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

function textOf({ to, note: { place, userId, change, at } }: Line): string {
  const { put, meeting } = change
  return JSON.stringify({ to, ...place, at, ...(put === undefined ? { drop: userId } : { put, meeting }) })
}

/** What a line says; `undefined` where it makes no sense. */
function lineOf(line: unknown): Line | undefined {
  const [to, space, namespace, at] = ['to', 'space', 'namespace', 'at'].map((name) => ownMember(line, name))
  if (!Array.isArray(to) || !to.every((name) => typeof name === 'string')) return undefined
  if (typeof space !== 'string' || !NAMESPACES.includes(namespace) || typeof at !== 'number') return undefined
  const change = changeOf(line)
  const userId = change?.put === undefined ? ownMember(line, 'drop') : ownMember(change.put, 'userId')
  if (change === undefined || !Number.isSafeInteger(userId)) return undefined
  const place = { space, namespace: namespace as UserNamespace }
  return { to: to as string[], note: { place, userId: userId as number, change, at } }
}

function changeOf(line: unknown): Change | undefined {
  const put = ownMember(line, 'put')
  const meeting = ownMember(line, 'meeting')
  if (put === undefined) return ownMember(line, 'drop') === undefined ? undefined : DROP
  if (!MEETINGS.includes(meeting) || typeof ownMember(put, 'since') !== 'number') return undefined
  return { put: put as UserRecord, meeting: meeting as Carrying }
}
