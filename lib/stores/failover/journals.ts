/** What each store has missed, in memory and, where it is wanted, in a file. */
import { StoreError } from '../../errors'
import { ownMember } from '../json'
import type { Meeting, RecordPlace, UserNamespace } from '../user-record'
import { DROP, type Carrying, type Change, type Note, type UserRecord } from './changes'
import { JournalFile } from './journal-file'
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

  constructor(
    private readonly standings: readonly Standing[],
    private readonly options: { readonly most: number; readonly file: string | undefined },
  ) {}

  /**
   * Reads the file, if there is to be one.
   *
   * @returns the line that the last process did not finish, if any.
   * @throws StoreError where it cannot be used.
   */
  open(): string | undefined {
    if (this.options.file === undefined || this.#file !== undefined) return undefined
    const { file, lines, torn } = JournalFile.open(this.options.file, lineOf)
    try {
      const known = lines.map(({ to, note }) => ({
        to: to.map((name) => this.#named(name, file.path)),
        note,
      }))
      for (const { to, note } of known) this.#missedBy(to).forEach(({ journal }) => journal.note(note))
    } catch (error) {
      file.close()
      throw error
    }
    this.#file = file
    return torn
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
        throw this.#full(name)
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
    if (this.#file === undefined) return
    const to = standings.map(({ name }) => name)
    this.#file.append(notes.map((note) => textOf({ to, note })))
    const live = this.standings.reduce((count, { journal }) => count + journal.size, 0)
    if (this.#file.lines > WASTE * live + SMALL) this.#compact()
  }

  /**
   * A store has got what it missed.
   *
   * @throws StoreError where the file cannot be emptied.
   */
  replayed(): void {
    if (this.#file !== undefined && this.#file.lines > 0) this.#compact()
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
  }

  /** A store behind those may have lost with the last process what it had taken in their stead: it gets it as well. */
  #missedBy(to: readonly Standing[]): readonly Standing[] {
    const first = Math.min(...to.map(({ index }) => index))
    return this.standings.filter((standing) => to.includes(standing) || standing.index > first)
  }

  #compact(): void {
    const lines = this.standings.flatMap(({ name, journal }) =>
      [...journal.values()].map((note) => textOf({ to: [name], note })),
    )
    this.#file?.rewrite(lines)
  }

  #named(name: string, path: string): Standing {
    const standing = this.standings.find((one) => one.name === name)
    if (standing !== undefined) return standing
    throw new StoreError(
      `the journal ${path} has writes that '${name}' is to get, and no store is called so; ` +
        `the stores are ${this.standings.map((one) => `'${one.name}'`).join(', ')}. Delete the file if they are not wanted`,
    )
  }

  #full(name: string): StoreError {
    return new StoreError(
      `the journal is full: ${name} has missed writes of ${this.options.most} users (journal.most), and this one could not be ` +
        'carried over to it; nothing was written',
    )
  }
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
