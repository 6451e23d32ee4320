/** One run: who is started, who is told what, and what is kept of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SentinelHealth } from '../../lib'
import { within } from '../../lib/promises'
import { FakeTelegram } from '../../lib/testing'
import { randomOf } from '../bench/random'
import { Proxy } from '../support/servers/proxy'
import { Crowd } from './crowd'
import { DURABLE, type DurableKind } from './durable'
import { faultsOf, type Fault } from './faults'
import { Ledger, registerAll, type Outcome } from './ledger'
import { Show, type Sample } from './show'
import { Worker } from './worker'
import type { BotOrder, BotSetup, DriverOrder, DriverSetup } from './words'

export interface SoakOptions {
  readonly minutes: number
  /** Updates per second. */
  readonly rate: number
  readonly store: DurableKind
  readonly seed: number
}

/** One fault (ms). */
export interface Past {
  readonly name: string
  readonly lasted: number
  /** From its end until the bot said that all was well; `undefined` where the next one came first. */
  readonly recovered: number | undefined
}

export interface SoakResult {
  readonly options: SoakOptions
  readonly samples: readonly Sample[]
  readonly faults: readonly Past[]
  readonly bans: Outcome
  readonly registrations: Outcome
  /** Calls to the Bot API, and those that were refused since there were too many. */
  readonly calls: { readonly all: number; readonly limited: number }
  /** Warnings, and errors that nobody caught. */
  readonly troubles: readonly string[]
}

/** ms between two samples. */
const SAMPLE_EVERY = 10_000
/** ms until the first fault: the bot has copied by then what it needs for it. */
const FIRST_FAULT = 5_000
/** ms without a fault, and with one: at least, and at most. */
const QUIET = [1_000, 5_000] as const
const FAULTY = [300, 3_000] as const
/** ms between two changes of bans, and of registrations. */
const CHANGE_EVERY = 50
/** ms between two looks at the bot's health. */
const LOOK_EVERY = 100
/** ms that the bot has for its recovery once the last fault is over. */
const SETTLE = 30_000
/** ms that beginning or ending a fault may take: a server starts again. */
const FAULT_TIMEOUT = 40_000
/** ms within which a change must hold. */
const STALENESS = 1_000
const TOKEN = '1:soak'

/** What runs during a soak. */
interface Cast {
  readonly bot: Worker<BotOrder>
  readonly driver: Worker<DriverOrder>
  readonly telegram: FakeTelegram
  readonly ledgers: readonly Ledger[]
  readonly faults: readonly Fault[]
}

/** Things started, stopped the other way round. */
type Stops = (() => Promise<void>)[]

export async function soak(options: SoakOptions, print: (line: string) => void): Promise<SoakResult> {
  const stops: Stops = []
  try {
    return await run(options, print, stops)
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
}

async function run(options: SoakOptions, print: (line: string) => void, stops: Stops): Promise<SoakResult> {
  const crowd = new Crowd(options.rate)
  const server = await DURABLE[options.store]()
  stops.push(() => server.stop())
  const direct = server.open()
  await direct.connect()
  await registerAll(direct, crowd)
  await direct.close()
  const proxy = await Proxy.start(server.port)
  stops.push(() => proxy.stop())
  const telegram = await FakeTelegram.start({ token: TOKEN, limits: true })
  stops.push(() => telegram.stop())

  const show = new Show(print)
  const start = <O>(name: string, setup: BotSetup | DriverSetup): Worker<O> => {
    const worker = Worker.start<O>(`${name}.ts`, setup, (trouble) => show.trouble(`${name}: ${trouble}`))
    stops.push(() => worker.stop())
    return worker
  }
  const bot = start<BotOrder>('bot', {
    url: proxy.through(server.url),
    apiRoot: telegram.apiRoot,
    token: TOKEN,
  })
  const port = await bot.ask<number>({ act: 'open' })
  const driver = start<DriverOrder>('driver', { port, rate: options.rate, staleness: STALENESS })
  const bans = new Ledger('bans', crowd.accused, [], { bot, driver })
  const guests = crowd.registered().filter((userId) => crowd.guests.includes(userId))
  const registrations = new Ledger('registrations', crowd.guests, guests, { bot, driver })
  const cast: Cast = {
    bot,
    driver,
    telegram,
    ledgers: [bans, registrations],
    faults: faultsOf(proxy, server),
  }

  const faults = await perform(cast, options, show)
  const store = server.open()
  stops.push(() => store.close())
  await store.connect()
  return {
    options,
    faults,
    samples: show.samples,
    calls: show.calls,
    troubles: show.troubles,
    bans: await bans.outcome(store),
    registrations: await registrations.outcome(store),
  }
}

/** The run itself; returns what went wrong on purpose. */
async function perform(cast: Cast, { minutes, seed }: SoakOptions, show: Show): Promise<Past[]> {
  const { bot, driver } = cast
  const started = performance.now()
  const ends = started + minutes * 60_000
  const over = { is: false }
  await driver.ask({ act: 'start' })
  show.begin()
  const sampling = repeat(SAMPLE_EVERY, over, () => show.sample(cast))
  const changing = change(cast.ledgers, ends, randomOf(seed + 1))
  const faults = await breakThings(cast, ends, { random: randomOf(seed), show })
  await changing
  if ((await settle(bot, performance.now() + SETTLE)) === undefined) {
    const health = await bot.ask<SentinelHealth>({ act: 'health' })
    show.trouble(`the bot does not recover: ${JSON.stringify(health)}`)
  }
  await driver.ask({ act: 'stop' })
  over.is = true
  await sampling
  // What is under way has its time.
  await sleep(STALENESS)
  await show.sample(cast)
  return faults
}

/** Bans and registrations come and go until `ends`. Resolves once all of them are through. */
async function change(ledgers: readonly Ledger[], ends: number, random: () => number): Promise<void> {
  const changes = new Set<Promise<void>>()
  while (performance.now() < ends) {
    for (const ledger of ledgers) {
      const changed = ledger.change(random).finally(() => changes.delete(changed))
      changes.add(changed)
    }
    await sleep(CHANGE_EVERY)
  }
  await Promise.all(changes)
}

interface Breaking {
  readonly random: () => number
  readonly show: Show
}

/** One fault after another; the last one is over before `ends`. */
async function breakThings(cast: Cast, ends: number, { random, show }: Breaking): Promise<Past[]> {
  const between = ([least, most]: readonly [number, number]) => least + random() * (most - least)
  const past: Past[] = []
  await sleep(FIRST_FAULT)
  const isWell = await settle(cast.bot, performance.now() + SETTLE)
  if (isWell !== undefined) await cast.driver.ask({ act: 'trouble', on: false })
  for (;;) {
    const fault = cast.faults[Math.floor(random() * cast.faults.length)]
    const lasts = between(FAULTY)
    const quiet = between(QUIET)
    if (performance.now() + lasts > ends) break
    past.push(await breakOnce(cast, fault, { lasts, quiet, show }))
  }
  await sleep(Math.max(0, ends - performance.now()))
  return past
}

interface Moment {
  /** ms. */
  readonly lasts: number
  readonly quiet: number
  readonly show: Show
}

async function breakOnce({ bot, driver }: Cast, fault: Fault, { lasts, quiet, show }: Moment): Promise<Past> {
  await driver.ask({ act: 'trouble', on: true })
  show.now = fault.name
  const began = performance.now()
  await inTime(fault, fault.begin())
  await sleep(lasts)
  await inTime(fault, fault.end())
  const ended = performance.now()
  show.now = `recovering from ${fault.name}`
  const recovered = await settle(bot, ended + quiet)
  if (recovered !== undefined) {
    await driver.ask({ act: 'trouble', on: false })
    show.now = 'well'
  }
  await sleep(Math.max(0, ended + quiet - performance.now()))
  return { name: fault.name, lasted: ended - began, recovered }
}

function inTime({ name }: Fault, done: Promise<void> | void): Promise<void> {
  return within(Promise.resolve(done), FAULT_TIMEOUT, () => new Error(`${name} is neither begun nor ended`))
}

/** Waits for the bot to be well: for how long (ms), or `undefined` where it is not by `until`. */
async function settle(bot: Worker<BotOrder>, until: number): Promise<number | undefined> {
  const started = performance.now()
  while (performance.now() < until) {
    const { status } = await bot.ask<SentinelHealth>({ act: 'health' })
    if (status === 'ok') return performance.now() - started
    await sleep(LOOK_EVERY)
  }
  return undefined
}

/** Does it every `interval` ms until it is over. */
async function repeat(interval: number, over: { readonly is: boolean }, act: () => Promise<void>) {
  for (let next = performance.now() + interval; !over.is;) {
    await sleep(LOOK_EVERY)
    if (performance.now() < next || over.is) continue
    next += interval
    await act()
  }
}
