import { randomOf } from '../random'
import { ROUTES } from './contender'
import type { Sent } from './contender'

const FIRST_USER = 100_000_000
const GAP = 17_041

/** Users who have never acted before: those of the group of this number. Their ids look like Telegram's of today. */
export function usersOf(group: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => FIRST_USER + (group * count + i) * GAP)
}

/** Endless updates of these users: user and command at random, no text twice. The same sequence for every contender. */
export function trafficOf(users: readonly number[]): () => Sent {
  const random = randomOf(users[0])
  let text = 0
  return () => ({
    user: users[Math.floor(random() * users.length)],
    route: Math.floor(random() * ROUTES),
    text: ++text,
  })
}

/** One update of each of these users, in turn. */
export function oneEach(users: readonly number[]): () => Sent {
  let sent = 0
  return () => {
    const user = users[sent % users.length]
    return { user, route: sent++ % ROUTES, text: 0 }
  }
}
