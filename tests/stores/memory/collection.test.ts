import { execFileSync } from 'node:child_process'
import { AsyncLocalStorage } from 'node:async_hooks'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { limiterOf } from '../../../lib/limiters'
import { judge } from '../../../lib/stores/judge'
import { MemoryStore } from '../../../lib/stores/memory'
import { MemoryLedger } from '../../../lib/stores/memory/ledger'
import { Memory } from '../../../lib/stores/memory/memory'
import { Sweeper } from '../../../lib/stores/memory/sweeper'
import type { DecisionRequest } from '../../../lib/stores/decision'
import { KEYS, limit, perMinute, request } from './requests'

const MINUTE = 60_000
const DAY = 86_400_000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function bytesInUse(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function decide(ledger: MemoryLedger, real: number, each: DecisionRequest) {
  ledger.turnTo(each, real, each.now)
  return judge(each, ledger, each.now ?? real)
}

describe('collecting what has expired', () => {
  const start = Date.now()

  it('gives back a million subjects, a bounded number in each slice', () => {
    const before = bytesInUse()
    const memory = new Memory()
    const ledger = new MemoryLedger(memory)
    const limits = [limit({ limiter: limiterOf('gcra'), rule: { limit: 5, window: MINUTE } })]
    for (let i = 0; i < 1_000_000; i++) {
      decide(ledger, start, request({ actor: 5_000_000_000 + 6997 * i, limits }))
    }
    expect(memory.subjects.size).toBe(1_000_000)
    expect((bytesInUse() - before) / 1_000_000).toBeLessThan(64)

    let most = 0
    let slices = 0
    for (let outcome = memory.sweep(start + 2 * MINUTE); outcome !== 'done'; slices++) {
      const size = memory.subjects.size
      outcome = memory.sweep(start + 2 * MINUTE)
      most = Math.max(most, size - memory.subjects.size)
    }
    expect(memory.subjects.size).toBe(0)
    expect(most).toBeLessThan(1200)
    expect(slices).toBeLessThan(1200)
    expect(memory.subjects.slab.pages).toEqual([])
    // Of some 35 MB; what else the test runner has taken meanwhile is in the figure.
    expect(bytesInUse() - before).toBeLessThan(8_000_000)
  })

  it('keeps what can still matter, and looks at all of it in few slices', () => {
    const memory = new Memory()
    const ledger = new MemoryLedger(memory)
    const short = [limit({ bucket: 'short', rule: { window: 1000 } })]
    const long = [limit({ bucket: 'long', rule: { window: DAY } })]
    for (let actor = 1; actor <= 50_000; actor++) {
      decide(ledger, start, request({ actor, limits: actor % 2 === 0 ? long : short }))
    }
    for (let slice = 0; slice < 60; slice++) memory.sweep(start + MINUTE)
    expect(memory.subjects.size).toBe(25_000)
    expect(memory.sweep(start + MINUTE)).toBe('later')
    const refused = decide(ledger, start + MINUTE, request({ actor: 2, limits: [...long, ...short] }))
    expect(refused.limits.map(({ remaining }) => remaining)).toEqual([1, 2])
  })

  it('under an injected clock forgets nothing before a day of real time is over', () => {
    const memory = new Memory()
    const ledger = new MemoryLedger(memory)
    decide(ledger, start, request({ now: 5, limits: [limit({ rule: { window: 1000 } })] }))
    while (memory.sweep(start + DAY) === 'more');
    expect(memory.subjects.size).toBe(1)
    while (memory.sweep(start + DAY + MINUTE) === 'more');
    expect(memory.subjects.size).toBe(0)
  })

  it('collects in a store that was made before the clock was set', () => {
    const clock = jest.spyOn(Date, 'now').mockReturnValue(5000)
    const memory = new Memory()
    clock.mockRestore()
    const ledger = new MemoryLedger(memory)
    const limits = [limit({ rule: { window: MINUTE } })]
    decide(ledger, 5000, request({ actor: 1, limits }))
    decide(ledger, start, request({ actor: 2, limits }))
    while (memory.sweep(start + 5000) === 'more');
    expect(memory.subjects.size).toBe(1)
    expect(decide(ledger, start, request({ actor: 2, limits })).limits).toMatchObject([{ remaining: 1 }])
    while (memory.sweep(start + 3 * MINUTE) === 'more');
    expect(memory.subjects.size).toBe(0)
  })

  it('collects, though never too early, when the clock is set back by years', () => {
    const memory = new Memory()
    const ledger = new MemoryLedger(memory)
    const limits = [limit({ rule: { window: DAY } })]
    const past = start - 3650 * DAY
    decide(ledger, start, request({ actor: 1, limits }))
    decide(ledger, past, request({ actor: 2, limits }))
    while (memory.sweep(past + DAY - MINUTE) === 'more');
    expect(memory.subjects.size).toBe(2)
    while (memory.sweep(past + 3 * DAY) === 'more');
    expect(memory.subjects.size).toBe(1)
    for (let day = 0; day < 1000; day += 50) while (memory.sweep(past + day * DAY) === 'more');
    expect(memory.subjects.size).toBe(0)
  })

  it('goes on collecting for years, and keeps what holds for a year, or for ever', () => {
    const memory = new Memory()
    const ledger = new MemoryLedger(memory)
    const limitOf = (window: number) => [limit({ bucket: `${window}`, rule: { window } })]
    decide(ledger, start, request({ actor: 1, limits: limitOf(36_500 * DAY) }))
    const sizes: number[] = []
    for (let day = 0; day < 2000; day++) {
      const now = start + day * DAY
      if (day === 900) decide(ledger, now, request({ actor: 2, limits: limitOf(365 * DAY) }))
      decide(ledger, now, request({ actor: 1000 + day, limits: limitOf(MINUTE) }))
      while (memory.sweep(now + MINUTE / 2) === 'more');
      sizes.push(memory.subjects.size)
    }
    // That of the day, the one for ever, and between its first and its last day at the latest that of a year.
    expect(sizes.slice(0, 900)).toEqual(Array(900).fill(2))
    expect(sizes.slice(900, 1265)).toEqual(Array(365).fill(3))
    expect(sizes.slice(1631)).toEqual(Array(369).fill(2))
  })

  it('lets go of keys, of own limiters states and of the sections of marks', () => {
    const memory = new Memory()
    const ledger = new MemoryLedger(memory)
    const duplicate = { mark: 1, window: MINUTE }
    for (const key of KEYS) {
      const own = limit({ scope: 'own', key, limiter: perMinute as never })
      decide(ledger, start, request({ actor: 1, duplicate: undefined, limits: [own] }))
    }
    decide(ledger, start, request({ actor: 1, duplicate }))
    expect(memory.subjects.size).toBe(KEYS.length + 1)
    expect(memory.states.size).toBe(KEYS.length)
    expect(memory.space('sentinel:main').keys.size).toBe(KEYS.length)
    while (memory.sweep(start + 2 * MINUTE) === 'more');
    expect(memory.subjects.size).toBe(0)
    expect(memory.states.size).toBe(0)
    expect(memory.space('sentinel:main').keys.size).toBe(0)
  })

  it('forgets records when their time is over, and has nothing to do while they are for ever', () => {
    const memory = new Memory()
    memory.entries.swap('a:b:members::1', null, 1, undefined, start)
    expect(memory.sweep(start)).toBe('done')
    for (let i = 0; i < 5000; i++)
      memory.entries.swap(`a:b:blocks::${i}`, null, i, 1000 + (i % 2) * MINUTE, start)
    expect(memory.sweep(start)).toBe('later')
    for (let slice = 0; slice < 10; slice++) memory.sweep(start + 2000)
    expect(memory.entries.shelf('a:b:blocks:').size).toBe(2500)
    for (let slice = 0; slice < 10; slice++) memory.sweep(start + 2 * MINUTE)
    expect(memory.entries.shelf('a:b:blocks:').size).toBe(0)
    expect(memory.sweep(start + 2 * MINUTE)).toBe('done')
    expect(memory.entries.get('a:b:members::1', start + 2 * MINUTE)).toMatchObject({ value: 1 })
  })
})

describe('a store that nobody holds any more', () => {
  it('is collected, though its sweeper was at work', async () => {
    const dropped = (() => {
      const store = new MemoryStore()
      store.decide(request({ limits: [limit({ rule: { window: DAY } })] }))
      return new WeakRef(store)
    })()
    // A weak reference holds on to its target until the turn is over.
    await new Promise(setImmediate)
    collectGarbage()
    expect(dropped.deref()).toBeUndefined()
  })
})

describe('Sweeper', () => {
  it("runs in nobody's async context, until there is nothing left", async () => {
    const updates = new AsyncLocalStorage<string>()
    const contexts: unknown[] = []
    await new Promise<void>((resolve) => {
      const sweeper = new Sweeper(() => {
        contexts.push(updates.getStore())
        if (contexts.length < 3) return 'more'
        resolve()
        return 'done'
      })
      updates.run('an update', () => sweeper.start())
    })
    expect(contexts).toEqual([undefined, undefined, undefined])
  })

  it('does not keep a process alive that has state in a store', () => {
    const script = `
      const { MemoryStore } = require('./lib/stores/memory')
      const { limiterOf } = require('./lib/limiters')
      const rule = { limit: 5, window: 86_400_000, burst: 5, countRefused: false }
      const check = { scope: 'actor', id: 1, bucket: 'b', limiter: limiterOf('gcra'), rule, cost: 1, blockFor: 0 }
      const store = new MemoryStore()
      for (let actor = 1; actor < 1000; actor++) {
        store.decide({ space: 'a:b', actor, debounces: [], limits: [check] })
      }
      process.on('exit', () => console.log('left by itself'))
    `
    const cwd = join(__dirname, '../../..')
    const options = { cwd, encoding: 'utf8', timeout: 25_000 } as const
    const register = ['-r', 'ts-node/register/transpile-only']
    expect(execFileSync(process.execPath, [...register, '-e', script], options)).toContain('left by itself')
  })
})
