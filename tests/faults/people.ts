/** Who writes to the bot while its store is in trouble, and what each of them may expect. */

/** Handled purchases per user that the bot's limit allows in its window, which is longer than any scenario. */
export const LIMIT = 5
export const WINDOW = '10m'

/**
 * `good` stay below their limit. `flooder`s begin before the fault, `late` ones with it. `banned` were banned, `registered`
 * registered before. `outlaw`s are banned and `newcomer`s registered as it goes. A `stranger` wants what is for those who are
 * registered.
 */
export type Role = 'good' | 'flooder' | 'late' | 'banned' | 'registered' | 'outlaw' | 'newcomer' | 'stranger'

const FIRST: Readonly<Record<Role, number>> = {
  good: 1_000_000,
  flooder: 2_000_000,
  late: 3_000_000,
  banned: 4_000_000,
  registered: 5_000_000,
  outlaw: 6_000_000,
  newcomer: 7_000_000,
  stranger: 8_000_000,
}

/** The id of the nth of a kind. */
export function person(role: Role, n: number): number {
  return FIRST[role] + n
}

export function people(role: Role, count: number): number[] {
  return Array.from({ length: count }, (_, n) => person(role, n))
}

/** Those whom the primary knew before this process was there. */
export const KNOWN_BANNED = people('banned', 10)
export const KNOWN_REGISTERED = people('registered', 10)

export function roleOf(userId: number): Role {
  const roles = Object.entries(FIRST) as [Role, number][]
  const role = roles.find(([, first]) => userId >= first && userId < first + 1_000_000)
  if (role === undefined) throw new Error(`nobody has the id ${userId}`)
  return role[0]
}
