import type { StorageAdapter } from '../../../lib'
import { Registrations } from '../../../lib/stores/records'
import { heap } from '../memory/measure'
import { quantile } from '../suite'
import type { Values } from '../suite'
import { guardedBot, MOST, plainBot } from './bot'
import { drive } from './drive'
import { SERVERS } from './servers'
import type { ServerKind, StoreServer } from './servers'
import { Traffic, warmUpOf } from './traffic'
import type { Course } from './traffic'

/** A bot that is flooded. */
export interface Contender {
  readonly name: string
  readonly server: ServerKind
  /** Puts what stands in front of the server's store, where there is something. */
  guard(back: StorageAdapter): StorageAdapter
}

/** Before the flood that counts there is a small one by others, so that no code is new to the process. */
const STRANGERS = 100

/** Counts of good users' updates and of flooders'. */
interface Counts {
  good: number
  flood: number
}

/** The flood without a guard. */
export async function measurePlain(course: Course): Promise<Values> {
  await withoutGuard(warmUpOf(course), STRANGERS)
  return withoutGuard(course)
}

async function withoutGuard(course: Course, group?: number): Promise<Values> {
  const traffic = new Traffic(course, group)
  const passed = { good: 0, flood: 0 }
  const bot = plainBot((userId) => count(passed, traffic, userId))
  const before = await heap()
  const times = await drive(bot, traffic, course)
  const bytes = (await heap()) - before
  if (passed.good + passed.flood !== course.updates) throw new Error('not every update reached a handler')
  return {
    ...latencies(times, traffic),
    ...memory(bytes),
    passedGood: passed.good,
    passedFlood: passed.flood,
  }
}

/** The same flood against a guarded bot. Everybody is registered, nobody has acted before. */
export async function measureGuarded(contender: Contender, course: Course): Promise<Values> {
  const server = await SERVERS[contender.server]()
  try {
    await againstGuard(contender, server, warmUpOf(course), STRANGERS)
    return await againstGuard(contender, server, course)
  } finally {
    await server.stop()
  }
}

/** One flood against a bot and a store of its own. */
async function againstGuard(
  contender: Contender,
  server: StoreServer,
  course: Course,
  group?: number,
): Promise<Values> {
  const traffic = new Traffic(course, group)
  await server.fill((store) => register(store, traffic.users))
  const callsBefore = await server.calls()
  const back = server.open()
  const trips = countDecisions(back, traffic)
  const store = contender.guard(back)
  const passed = { good: 0, flood: 0 }
  const { bot, sentinel } = guardedBot(store, (userId) => count(passed, traffic, userId))
  let unjudged = 0
  // Whoever was judged has limits in the verdict.
  sentinel.on('allowed', ({ verdict }) => void (unjudged += verdict.limits.length === 0 ? 1 : 0))
  await sentinel.ready()
  const before = await heap()
  const times = await drive(bot, traffic, course)
  const bytes = (await heap()) - before
  verify(contender.name, { traffic, course, passed, unjudged })
  await sentinel.close()
  for (const each of new Set([store, back])) await each.close()
  return {
    ...latencies(times, traffic),
    ...memory(bytes),
    passedGood: passed.good,
    passedFlood: passed.flood,
    unjudged,
    trips: (trips.good + trips.flood) / course.updates,
    refusalTrips: (trips.flood - passed.flood) / (course.updates - traffic.good - passed.flood),
    calls: ((await server.calls()) - callsBefore) / course.updates,
    serverBytes: await server.bytes(),
  }
}

async function register(store: StorageAdapter, users: readonly number[]): Promise<void> {
  await store.connect()
  await new Registrations(store, 'sentinel:main', Date.now).addMany(users)
}

/** Has every decision counted that the store is asked for. */
function countDecisions(store: StorageAdapter, traffic: Traffic): Counts {
  const trips: Counts = { good: 0, flood: 0 }
  const decide = store.decide.bind(store)
  store.decide = (request) => {
    count(trips, traffic, request.actor ?? 0)
    return decide(request)
  }
  return trips
}

function count(counts: Counts, traffic: Traffic, userId: number): void {
  if (traffic.floods(userId)) counts.flood++
  else counts.good++
}

interface Result {
  readonly traffic: Traffic
  readonly course: Course
  readonly passed: Counts
  readonly unjudged: number
}

/** Throws unless good users got through and flooders did not: what does not guard is no contender. */
function verify(name: string, { traffic, course, passed, unjudged }: Result): void {
  if (passed.good !== traffic.good) {
    throw new Error(`${name}: ${passed.good} of ${traffic.good} updates of good users passed`)
  }
  const most = course.flooders * MOST + unjudged
  if (passed.flood > most) throw new Error(`${name}: ${passed.flood} updates of flooders passed, not ${most}`)
}

/** ms of the good users' updates. */
function latencies(times: Float64Array, traffic: Traffic): Values {
  const good = times.filter((_, index) => !traffic.isFlood(index))
  return { p50: quantile(good, 0.5), p99: quantile(good, 0.99), longest: quantile(good, 1) }
}

/** The store's growth, and the most that the whole process has held. */
function memory(bytes: number): Values {
  return { bytes, rss: process.resourceUsage().maxRSS * 1024 }
}
