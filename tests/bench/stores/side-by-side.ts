import type { StorageAdapter } from '../../../lib/stores/store'
import type { Values } from '../suite'
import { HOT_LIMIT } from './contender'
import type { Contender, Guard } from './contender'
import { flexibleGuard, flexibleHotKey } from './flexible'
import type { FlexibleStore } from './flexible'
import { ourGuard, ourHotKey } from './ours'
import { courseOf, everyoneOnce, race } from './rounds'
import type { Course } from './rounds'
import { bytesName, HOT, HOT_LEVELS, LEVELS } from './tables'
import { usersOf } from './traffic'
import { verifyGuard, verifyLimit } from './verify'

/** Options of our stores: where the machine stalls, that is a number of the report, and no decision is given up. */
export const PATIENT = { timeout: '10s' }

/** Where stores of one kind are measured, and who runs there. */
export interface Field {
  readonly ours: string
  /** The URL of a place where nothing is stored yet. */
  empty(): Promise<string>
  store(url: string): StorageAdapter
  flexible(url: string): Promise<FlexibleStore>
  /** The raw limits: what the least of decisions costs. */
  raw(url: string): Promise<Contender[]>
  /** The least that a limit costs which all users share. */
  hotRaw(url: string, limit: number): Promise<Contender>
  /** Bytes of all that is stored there. */
  bytes(url: string): Promise<number>
  /** Users by whose state the bytes are measured. */
  readonly users: number
}

/** Small enough to be used up before the clock starts. */
const LIMIT_TO_TRY = 3

/** All that is measured of such stores, in one process. */
export async function sideBySide(field: Field, quick: boolean): Promise<Values> {
  return { ...(await measureBytes(field, quick)), ...(await measureLaps(field, courseOf(quick))) }
}

/** Bytes per user, once registered and once they have sent an update; each guard alone at its place. */
async function measureBytes(field: Field, quick: boolean): Promise<Values> {
  const users = usersOf(1, quick ? 100 : field.users)
  const values: Record<string, number> = {}
  for (const open of [ours, flexible]) {
    const url = await field.empty()
    const { guard } = await open(field, url)
    await guard.register(users)
    values[bytesName(guard.name, 'registered')] = (await field.bytes(url)) / users.length
    await everyoneOnce(guard, users)
    values[bytesName(guard.name, 'acted')] = (await field.bytes(url)) / users.length
    await guard.close()
  }
  return values
}

async function measureLaps(field: Field, course: Course): Promise<Values> {
  const url = await field.empty()
  const entries = [await ours(field, url), await flexible(field, url)]
  const guards = entries.map(({ guard }) => guard)
  for (const guard of guards) await verifyGuard(guard)
  const contenders = [...guards, ...(await field.raw(url))]
  const hot = await verifiedHot(field, url, entries)
  const laps = await race(contenders, LEVELS, course)
  // Nothing is kept of a user there.
  const hotLaps = await race(hot, HOT_LEVELS, { ...course, users: 100 }, HOT)
  for (const contender of [...hot, ...contenders]) await contender.close()
  return { ...laps, ...hotLaps }
}

/** Those who count the updates of all users, once it is seen that they do. */
async function verifiedHot(field: Field, url: string, entries: readonly Entry[]): Promise<Contender[]> {
  const hotOf = async (limit: number): Promise<Contender[]> => [
    ...(await Promise.all(entries.map(({ hot }) => hot(limit)))),
    await field.hotRaw(url, limit),
  ]
  for (const contender of await hotOf(LIMIT_TO_TRY)) {
    await verifyLimit(contender, usersOf(0, 1)[0], LIMIT_TO_TRY)
    await contender.close()
  }
  return hotOf(HOT_LIMIT)
}

/** One store, with all checks of an update and with a limit that all users share; the guard closes it. */
interface Entry {
  readonly guard: Guard
  hot(limit: number): Contender | Promise<Contender>
}

async function ours({ ours: name, store }: Field, url: string): Promise<Entry> {
  const opened = store(url)
  return { guard: await ourGuard(name, opened), hot: (limit) => ourHotKey(name, opened, limit) }
}

async function flexible(field: Field, url: string): Promise<Entry> {
  const store = await field.flexible(url)
  return { guard: await flexibleGuard(store), hot: (limit) => flexibleHotKey(store, limit) }
}
