/** Sends updates to the bot's webhook at a fixed rate, whether or not it keeps up, and looks at what comes back. */
import { Agent, request, type IncomingMessage } from 'node:http'
import { createHistogram } from 'node:perf_hooks'
import { buffer } from 'node:stream/consumers'
import { commandUpdate } from '../bench/update/updates'
import { Crowd } from './crowd'
import { LATEST, SERVED, type DriverOrder, type DriverSample, type DriverSetup, type Wanted } from './words'
import { work } from './worker'

interface Expected {
  readonly wanted: Wanted
  /** ms since the epoch; `undefined`: a change is under way, nothing is expected. */
  readonly at: number | undefined
}

/** ms from the start in which answers are not timed: code is not compiled yet, and everybody is new to the bot. */
const WARM_UP = 5_000

class Driver {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 4_096 })
  readonly #crowd: Crowd
  readonly #expected = new Map<number, Expected>()
  readonly #failed: Record<string, number> = {}
  readonly #all = createHistogram()
  readonly #lately = createHistogram()
  /** By what should have become of the updates. */
  readonly #mistakes: Readonly<Record<Wanted, { inTrouble: number; otherwise: number }>> = {
    served: { inTrouble: 0, otherwise: 0 },
    'refused as banned': { inTrouble: 0, otherwise: 0 },
    'refused as unregistered': { inTrouble: 0, otherwise: 0 },
  }
  /** At first as well: a bot whose code is not compiled yet may take its store for one that fails. */
  #trouble = true
  /** Until then what was learnt in the last trouble may be gone by (ms since the epoch). */
  #troubleUntil = 0
  #timer: NodeJS.Timeout | undefined
  #timing = false
  #sent = 0
  #answered = 0
  #served = 0
  #late = 0

  constructor(private readonly setup: DriverSetup) {
    this.#crowd = new Crowd(setup.rate)
    const open: Expected = { wanted: 'served', at: 0 }
    for (const userId of this.#crowd.registered()) this.#expected.set(userId, open)
    for (const userId of this.#crowd.flooders) this.#expected.delete(userId)
  }

  start(): void {
    const started = performance.now()
    const turn = (): void => {
      const passed = performance.now() - started
      this.#timing = passed > WARM_UP
      const due = Math.floor((passed * this.setup.rate) / 1000)
      while (this.#sent < due) this.#send(this.#sent++)
    }
    this.#timer = setInterval(turn, 1)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  expect(userId: number, expected: Expected): void {
    this.#expected.set(userId, expected)
  }

  set trouble(on: boolean) {
    this.#trouble = on
    if (!on) this.#troubleUntil = Date.now() + this.setup.staleness
  }

  sample(): DriverSample {
    const lately = this.#lately.percentile(99) / 1000
    this.#lately.reset()
    return {
      sent: this.#sent,
      answered: this.#answered,
      served: this.#served,
      failed: this.#failed,
      mistakes: this.#mistakes,
      late: this.#late,
      p50: this.#all.percentile(50) / 1000,
      p99: this.#all.percentile(99) / 1000,
      longest: this.#all.max / 1000,
      lately,
    }
  }

  #send(number: number): void {
    const userId = this.#crowd.sender(number)
    const body = JSON.stringify(commandUpdate(number + 1, userId, 'buy', ` ${number}`))
    const expected = this.#expected.get(userId)
    const started = performance.now()
    const at = Date.now()
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const address = { host: '127.0.0.1', port: this.setup.port, method: 'POST', path: '/' }
    const outgoing = request({ ...address, headers, agent: this.#agent }, (response) => {
      this.#read(response).then(
        (served) => this.#answer(userId, { served, expected, at, ms: performance.now() - started }),
        (error: Error) => this.#fail(error),
      )
    })
    outgoing.once('error', (error) => this.#fail(error))
    outgoing.end(body)
  }

  async #read(response: IncomingMessage): Promise<boolean> {
    const body = await buffer(response)
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
    return body.includes(SERVED)
  }

  #answer(userId: number, answer: Answer): void {
    this.#answered++
    if (answer.served) this.#served++
    if (this.#timing) this.#time(answer.ms)
    this.#judge(userId, answer)
  }

  #time(ms: number): void {
    if (ms > LATEST) this.#late++
    const us = Math.max(1, Math.round(ms * 1000))
    this.#all.record(us)
    this.#lately.record(us)
  }

  /** Only of those of whom the same was expected all the time, from before the update was sent. */
  #judge(userId: number, { served, expected, at }: Answer): void {
    if (expected?.at === undefined || expected !== this.#expected.get(userId)) return
    if (at < expected.at + this.setup.staleness || served === (expected.wanted === 'served')) return
    const mistakes = this.#mistakes[expected.wanted]
    if (this.#trouble || at <= this.#troubleUntil) mistakes.inTrouble++
    else mistakes.otherwise++
  }

  #fail({ message }: Error): void {
    this.#failed[message] = (this.#failed[message] ?? 0) + 1
  }
}

interface Answer {
  readonly served: boolean
  /** What was expected when it was sent. */
  readonly expected: Expected | undefined
  /** When it was sent (ms since the epoch). */
  readonly at: number
  readonly ms: number
}

work<DriverSetup, DriverOrder>((setup) => {
  const driver = new Driver(setup)
  return (order) => {
    switch (order.act) {
      case 'start':
        return driver.start()
      case 'stop':
        return driver.stop()
      case 'expect':
        return driver.expect(order.userId, { wanted: order.wanted, at: order.at })
      case 'trouble':
        driver.trouble = order.on
        return undefined
      case 'sample':
        return driver.sample()
    }
  }
})
