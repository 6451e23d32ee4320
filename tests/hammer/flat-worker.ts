/** A process that decides at a store for long, or while it hangs, and says what its memory came to. Needs `--expose-gc`. */
import { setImmediate as soon } from 'node:timers/promises'
import { SentinelError, toError } from '../../lib/errors'
import type { StorageAdapter } from '../../lib/stores/store'
import { randomOf } from '../../lib/testing/contract/random'
import { debounceOf, decide, limitOf } from '../../lib/testing/contract/requests'
import { openStore } from '../support/stores'
import type { Address } from '../support/stores'

export type Task =
  /** So many decisions of a bot with 5,000 users, after a tenth as many that warm up. */
  | { readonly kind: 'long'; readonly decisions: number }
  /** So many decisions in one tick, again and again. */
  | { readonly kind: 'flood'; readonly decisions: number; readonly rounds: number }
  /** Asks until a decision is taken, whatever it says. */
  | { readonly kind: 'recover' }

/** Bytes are of heap and external memory, after a collection. */
export interface Report {
  /** Bytes more than after the warm-up, or after the first round. */
  readonly grown: number
  /** Of decisions by their reason, or of errors by their code. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Most decisions of a flood that were still open once those that fail at once had failed. */
  readonly open: number
  /** ms: the longest a decision took. */
  readonly longest: number
  /** Messages of errors, one of each code. */
  readonly messages: Readonly<Record<string, string>>
}

const SPACE = `flat:${process.pid}`
const random = randomOf(process.pid)

class Tally {
  readonly outcomes: Record<string, number> = {}
  readonly messages: Record<string, string> = {}
  longest = 0
  open = 0
  /** Whether the store has decided anything. */
  decided = false

  async decide(store: StorageAdapter, n: number): Promise<void> {
    const start = performance.now()
    this.open++
    this.#count(await this.#outcome(store, n))
    this.open--
    this.longest = Math.max(this.longest, performance.now() - start)
  }

  async #outcome(store: StorageAdapter, n: number): Promise<string> {
    const request = {
      now: undefined,
      actor: 1 + random.below(5_000),
      block: true,
      registration: 'vouched',
      debounces: [debounceOf({ text: String(n % 10), window: 1_000 })],
      limits: [
        limitOf({ limit: 30, window: 60_000 }),
        limitOf({ bucket: 'shop.buy', limit: 3, window: 10_000 }),
      ],
    } as const
    try {
      const { reason = 'allowed' } = await decide(store, SPACE, request)
      this.decided = true
      return reason
    } catch (thrown) {
      const error = toError(thrown)
      const code = error instanceof SentinelError ? error.code : error.name
      this.messages[code] = error.message
      return code
    }
  }

  #count(outcome: string): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1
  }
}

async function long(store: StorageAdapter, decisions: number): Promise<Report> {
  await decideInTurn(store, decisions / 10, new Tally())
  const before = bytes()
  const tally = new Tally()
  await decideInTurn(store, decisions, tally)
  const { outcomes, messages, longest } = tally
  return { grown: bytes() - before, outcomes, messages, longest, open: 0 }
}

/** Keeps 64 decisions going. */
async function decideInTurn(store: StorageAdapter, decisions: number, tally: Tally): Promise<void> {
  let begun = 0
  const one = async (): Promise<void> => {
    while (begun < decisions) await tally.decide(store, begun++)
  }
  await Promise.all(Array.from({ length: 64 }, one))
}

async function flood(store: StorageAdapter, decisions: number, rounds: number): Promise<Report> {
  const tally = new Tally()
  let [before, open] = [0, 0]
  for (let round = 0; round < rounds; round++) {
    const all = Array.from({ length: decisions }, (_, n) => tally.decide(store, n))
    for (let ticks = 0; ticks < 3; ticks++) await soon()
    open = Math.max(open, tally.open)
    await Promise.all(all)
    if (round === 0) before = bytes()
  }
  const { outcomes, messages, longest } = tally
  return { grown: bytes() - before, outcomes, messages, longest, open }
}

async function recover(store: StorageAdapter): Promise<Report> {
  const tally = new Tally()
  const start = performance.now()
  for (let n = 0; !tally.decided; n++) {
    await tally.decide(store, n)
    await soon()
    if (performance.now() - start > 20_000) break
  }
  const { outcomes, messages } = tally
  return { grown: 0, outcomes, messages, longest: performance.now() - start, open: 0 }
}

function bytes(): number {
  for (let times = 0; times < 3; times++) globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function main(address: Address): Promise<void> {
  const store = openStore(address)
  await store.connect()
  process.on('message', (task: Task | 'close') => {
    if (task === 'close') void store.close().then(() => process.disconnect())
    else void carryOut(store, task).then((report) => process.send?.(report))
  })
  process.send?.('opened')
}

function carryOut(store: StorageAdapter, task: Task): Promise<Report> {
  switch (task.kind) {
    case 'long':
      return long(store, task.decisions)
    case 'flood':
      return flood(store, task.decisions, task.rounds)
    case 'recover':
      return recover(store)
  }
}

void main(JSON.parse(process.argv[2]) as Address)
