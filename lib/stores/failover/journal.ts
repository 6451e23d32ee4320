/** What one store has missed, bounded: of each record only what matters is kept. */
import { isAlike, merged, noteKey, type Note } from './changes'
import type { RecordPlace } from '../user-record'

export class Journal {
  /** The record that has been missed longest comes first. */
  readonly #notes = new Map<string, Note>()
  #reserved = 0

  constructor(private readonly most: number) {}

  get size(): number {
    return this.#notes.size
  }

  /** When the oldest write was made that is in it (ms since the epoch). */
  get since(): number | undefined {
    const [oldest] = this.#notes.values()
    return oldest?.at
  }

  has(place: RecordPlace, userId: number): boolean {
    return this.#notes.has(noteKey(place, userId))
  }

  /** Keeps places free for these records; what gives them back, or `undefined` where there are not as many. */
  reserve(place: RecordPlace, userIds: readonly number[]): (() => void) | undefined {
    if (!this.hasRoom(place, userIds)) return undefined
    const fresh = this.#freshOf(place, userIds)
    this.#reserved += fresh
    return () => void (this.#reserved -= fresh)
  }

  /** Whether there are places for these records. */
  hasRoom(place: RecordPlace, userIds: readonly number[]): boolean {
    return this.#notes.size + this.#reserved + this.#freshOf(place, userIds) <= this.most
  }

  /** How many of them need a place. */
  #freshOf(place: RecordPlace, userIds: readonly number[]): number {
    return userIds.reduce((count, userId) => count + (this.has(place, userId) ? 0 : 1), 0)
  }

  note(note: Note): void {
    const key = noteKey(note.place, note.userId)
    const former = this.#notes.get(key)
    const change = merged(former?.change, note.change)
    this.#notes.set(key, { ...note, change, at: former?.at ?? note.at })
  }

  /** Some that can be written in one call; empty where nothing is left. */
  next(most: number): Note[] {
    const notes: Note[] = []
    for (const note of this.#notes.values()) {
      if (notes.length === most || (notes.length > 0 && !isAlike(notes[0], note))) break
      notes.push(note)
    }
    return notes
  }

  /** They are written. What has been noted of the same records since then stays. */
  done(notes: readonly Note[]): void {
    for (const note of notes) {
      const key = noteKey(note.place, note.userId)
      if (this.#notes.get(key) === note) this.#notes.delete(key)
    }
  }

  values(): Iterable<Note> {
    return this.#notes.values()
  }
}
