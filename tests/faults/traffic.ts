/** A steady flow of updates, and of bans and registrations beside it. */
import type { Sentinel } from 'telegraf-sentinel'
import type { FakeTelegram } from 'telegraf-sentinel/testing'
import { KNOWN_BANNED, KNOWN_REGISTERED, people, person, roleOf, type Role } from './people'

/** ms between two rounds of three updates: 120 a second. */
const ROUND_EVERY = 25
/** ms between two bans, and between two registrations. */
const WRITE_EVERY = 100
/** Of so many bans one is lifted again. */
const LIFTED = 5

/** How many there are: a good user comes around every 5 s, and stays within the limit for 25 s. */
const GOOD = 200
const FLOODERS = 6

export interface Writes {
  /** Bans and registrations that were there, or that the sentinel said were made (`present`) or lifted (`absent`). */
  readonly present: { readonly banned: number[]; readonly registered: number[] }
  readonly absent: number[]
  refused: number
}

export class Traffic {
  readonly writes: Writes = {
    present: { banned: [...KNOWN_BANNED], registered: [...KNOWN_REGISTERED] },
    absent: [],
    refused: 0,
  }
  /** Updates sent, per user. */
  readonly sent = new Map<number, number>()
  readonly #telegram: FakeTelegram
  readonly #sentinel: Sentinel
  readonly #timers: NodeJS.Timeout[] = []
  readonly #writing = new Set<Promise<void>>()
  #round = 0
  #written = 0
  #flooders = people('flooder', FLOODERS)

  constructor({ telegram, sentinel }: { telegram: FakeTelegram; sentinel: Sentinel }) {
    this.#telegram = telegram
    this.#sentinel = sentinel
  }

  start(): void {
    this.#timers.push(setInterval(() => this.#sendRound(), ROUND_EVERY))
    this.#timers.push(setInterval(() => this.#write(), WRITE_EVERY))
  }

  /** Some users begin to flood only now. */
  moreFlooders(): void {
    this.#flooders = [...this.#flooders, ...people('late', FLOODERS / 2)]
  }

  /** Ends the flow; resolves once every ban and registration has come to something. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await Promise.all(this.#writing)
  }

  /** Updates sent by all who are of such a role. */
  sentBy(role: Role): number {
    return sumOf(this.sent, role)
  }

  #sendRound(): void {
    const round = this.#round++
    const { banned, registered } = this.writes.present
    this.#send(person('good', round % GOOD), '/buy')
    this.#send(this.#flooders[round % this.#flooders.length], '/buy')
    const turn = Math.floor(round / 4)
    if (round % 4 === 0) this.#send(banned[turn % banned.length], 'let me in')
    else if (round % 4 === 1) this.#send(registered[turn % registered.length], '/vip')
    // The latest ones are the likeliest to be forgotten.
    else if (round % 4 === 2) this.#send(banned[banned.length - 1], 'let me in')
    else this.#send(turn % 2 === 0 ? registered[registered.length - 1] : person('stranger', turn), '/vip')
  }

  #send(userId: number, text: string): void {
    this.sent.set(userId, (this.sent.get(userId) ?? 0) + 1)
    this.#telegram.send(this.#telegram.updates.text(text, { from: userId }))
  }

  #write(): void {
    const n = this.#written++
    this.#follow(
      n % LIFTED === LIFTED - 1 ? this.#banAndLift(person('outlaw', n)) : this.#ban(person('outlaw', n)),
    )
    this.#follow(this.#register(person('newcomer', n)))
  }

  #follow(write: Promise<void>): void {
    const followed = write
      .catch(() => void this.writes.refused++)
      .finally(() => void this.#writing.delete(followed))
    this.#writing.add(followed)
  }

  async #ban(userId: number): Promise<void> {
    await this.#sentinel.blocks.add(userId, { reason: 'spam' })
    this.writes.present.banned.push(userId)
  }

  async #banAndLift(userId: number): Promise<void> {
    await this.#sentinel.blocks.add(userId)
    await this.#sentinel.blocks.remove(userId)
    this.writes.absent.push(userId)
  }

  async #register(userId: number): Promise<void> {
    await this.#sentinel.registrations.add(userId)
    this.writes.present.registered.push(userId)
  }
}

/** The sum of counts per user over those of a role. */
export function sumOf(counts: ReadonlyMap<number, number>, role: Role): number {
  let sum = 0
  for (const [userId, count] of counts) if (roleOf(userId) === role) sum += count
  return sum
}
