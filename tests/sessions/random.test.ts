/** Random sessions, compared with a model: two sentinels of one bot, one clock, a store that fails now and then. */
import fc from 'fast-check'
import { createSentinel, type SessionStore, type StorageAdapter } from 'telegraf-sentinel'
import { ManualClock } from 'telegraf-sentinel/testing'
import { Process } from '../support/faulty-store'
import { MapStore } from '../support/map-store'

const TTL = 10_000

interface Step {
  readonly do: 'get' | 'set' | 'delete' | 'wait'
  readonly by: 0 | 1
  readonly key: string
  readonly value: unknown
  readonly wait: number
  /** Which of the trips fails, if any, and whether it has done its work by then. */
  readonly fails: 'before' | 'after' | undefined
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('get', 'set', 'set', 'delete', 'wait'),
  by: fc.constantFrom(0, 1),
  key: fc.constantFrom('1:1', '1:2', '__proto__'),
  value: fc.jsonValue().filter((value) => value !== null),
  wait: fc.integer({ min: 1, max: TTL }),
  fails: fc.option(fc.constantFrom('before', 'after'), { nil: undefined, freq: 5 }),
})

/** What may be there: more than one where a write has failed, perhaps after it was done. */
type Possible = readonly { readonly json: string | undefined; readonly until: number }[]
const NOTHING = { json: undefined, until: Infinity }

test('a session is what was written last, or is over; a failure is never an empty session', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const clock = new ManualClock()
      const shared = new MapStore()
      const lines = [new FailingOnce(shared), new FailingOnce(shared)]
      const stores = lines.map((store) =>
        createSentinel({ store, clock }).sessionStore<unknown>({ ttl: TTL }),
      )
      const model = new Map<string, Possible>()
      for (const { do: what, by, key, value, wait, fails } of steps) {
        if (what === 'wait') clock.advance(wait)
        else {
          lines[by].next = fails
          model.set(
            key,
            await act(what, stores[by], {
              key,
              value,
              now: clock.now(),
              before: model.get(key) ?? [NOTHING],
            }),
          )
          lines[by].next = undefined
        }
      }
    }),
  )
})

async function act(
  what: Exclude<Step['do'], 'wait'>,
  store: SessionStore<unknown>,
  { key, value, now, before }: { key: string; value: unknown; now: number; before: Possible },
): Promise<Possible> {
  const after = what === 'set' ? { json: JSON.stringify(value), until: now + TTL } : NOTHING
  try {
    if (what === 'get') {
      const found = await store.get(key)
      const json = found === undefined ? undefined : JSON.stringify(found)
      const allowed = before.map((one) => (one.until <= now ? undefined : one.json))
      expect(allowed).toContain(json)
      return before.filter((_one, i) => allowed[i] === json)
    }
    await (what === 'set' ? store.set(key, value) : store.delete(key))
    return [after]
  } catch (error) {
    if (!String(error).includes('the line is dead')) throw error
    return what === 'get' ? before : [...before, after]
  }
}

/** Fails one trip when it is told to. */
class FailingOnce extends Process {
  next: Step['fails']

  override get(...args: Parameters<StorageAdapter['get']>) {
    return this.#failing(() => super.get(...args))
  }

  override swap(...args: Parameters<StorageAdapter['swap']>) {
    return this.#failing(() => super.swap(...args))
  }

  override delete(...args: Parameters<StorageAdapter['delete']>) {
    return this.#failing(() => super.delete(...args))
  }

  async #failing<T>(trip: () => Promise<T>): Promise<T> {
    const fails = this.next
    this.next = undefined
    if (fails === 'before') throw new Error('the line is dead')
    const answer = await trip()
    if (fails === 'after') throw new Error('the line is dead')
    return answer
  }
}
