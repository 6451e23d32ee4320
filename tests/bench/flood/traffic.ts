/** Who sends what: good users now and then, flooders all the time. */
import type { Update } from 'telegraf/types'
import { shuffle } from '../random'
import { usersOf } from '../stores/traffic'
import { commandUpdate } from '../update/updates'

/** How large a flood is. */
export interface Course {
  readonly users: number
  readonly flooders: number
  readonly updates: number
  /** Updates that arrive per second. */
  readonly rate: number
}

export function courseOf(quick: boolean): Course {
  return quick
    ? { users: 1_000, flooders: 10, updates: 2_000, rate: 5_000 }
    : { users: 100_000, flooders: 1_000, updates: 1_000_000, rate: 30_000 }
}

/** A flood of one fiftieth. */
export function warmUpOf({ users, flooders, updates, rate }: Course): Course {
  return {
    users: Math.ceil(users / 50),
    flooders: Math.ceil(flooders / 50),
    updates: Math.ceil(updates / 50),
    rate,
  }
}

/** Updates of a good user, on average: each sends one, every other one a second. */
const GOOD_UPDATES = 1.5

export const COMMANDS: readonly string[] = Array.from({ length: 5 }, (_, i) => `command${i}`)

export class Traffic {
  /** All users' ids. */
  readonly users: readonly number[]
  /** Updates of the good users. */
  readonly good: number
  /** The sender of each update, in the order of arrival: an index of `users`, the flooders first. */
  readonly #senders: Float64Array

  constructor(
    private readonly course: Course,
    group = 0,
  ) {
    const { users, flooders, updates } = course
    const goodUsers = users - flooders
    this.users = usersOf(group, users)
    this.good = Math.floor(goodUsers * GOOD_UPDATES)
    const senderOf = (index: number) =>
      index < this.good ? flooders + (index % goodUsers) : index % flooders
    this.#senders = shuffle(
      Float64Array.from({ length: updates }, (_, index) => senderOf(index)),
      updates,
    )
  }

  /** Whether a user floods. */
  floods(userId: number): boolean {
    return userId < this.users[this.course.flooders]
  }

  /** Whether the sender of this update floods. */
  isFlood(index: number): boolean {
    return this.#senders[index] < this.course.flooders
  }

  /** The update that arrives as this one; no text comes twice. */
  update(index: number): Update {
    const sender = this.users[this.#senders[index]]
    return commandUpdate(index + 1, sender, COMMANDS[index % COMMANDS.length], ` ${index}`)
  }
}
