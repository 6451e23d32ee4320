import { ROUTE_LIMIT } from './contender'
import type { Contender, Guard, Sent } from './contender'
import { usersOf } from './traffic'

/** Throws unless the guard does all of its checks: what is fast because it lets everything pass is no contender. */
export async function verifyGuard(guard: Guard): Promise<void> {
  // In no lap: the groups of the laps start at 1.
  const [known, unknown, blocked] = usersOf(0, 3)
  await guard.register([known, blocked])
  await guard.block(blocked)
  await expect(guard, 'refused', 'an unregistered user', { user: unknown, route: 0, text: 0 })
  await expect(guard, 'refused', 'a blocked user', { user: blocked, route: 0, text: 0 })
  await expect(guard, 'passed', 'the first update', { user: known, route: 0, text: 0 })
  await expect(guard, 'refused', 'a repeat', { user: known, route: 0, text: 0 })
  await verifyLimit(guard, known, ROUTE_LIMIT.limit, 1)
}

/** Throws unless exactly `limit` updates of the user pass, of which `passed` have. */
export async function verifyLimit(
  contender: Contender,
  user: number,
  limit: number,
  passed = 0,
): Promise<void> {
  for (let text = passed; text <= limit; text++) {
    const wanted = text < limit ? 'passed' : 'refused'
    await expect(contender, wanted, `update ${text + 1} at a limit of ${limit}`, { user, route: 0, text })
  }
}

async function expect(
  contender: Contender,
  wanted: 'passed' | 'refused',
  what: string,
  sent: Sent,
): Promise<void> {
  const got = (await contender.decide(sent)) ? 'passed' : 'refused'
  if (got !== wanted) throw new Error(`${contender.name}: ${what} is ${got}, and should be ${wanted}`)
}
