import * as fc from 'fast-check'
import { SentinelOptionsError } from '../../../lib/errors'
import { MemoryStore } from '../../../lib/stores/memory'
import { SCOPES, limit, perMinute, request } from './requests'

const check = limit({ rule: { limit: 5, window: 60_000 } })

function used(store: MemoryStore, actor: number): boolean {
  return store.peek({ ...request({ actor }), limit: check }).remaining < 5
}

describe('maxKeys', () => {
  it('refuses a mistyped option', () => {
    expect(() => new MemoryStore({ maxkeys: 3 } as never)).toThrow('maxkeys: is not an option')
  })

  it.each([null, 5, 'x', []])('refuses %j for its options', (options) => {
    expect(() => new MemoryStore(options as never)).toThrow(/^options: must be an object, not /)
  })

  it.each([0, -1, 1.5, NaN, Infinity, '3' as never])('refuses %p', (maxKeys) => {
    expect(() => new MemoryStore({ maxKeys })).toThrow(SentinelOptionsError)
  })

  it('evicts precisely the subject that was touched longest ago', () => {
    const seed = Date.now() % 1_000_000
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 60 }),
        (maxKeys, actors) => {
          const store = new MemoryStore({ maxKeys })
          const recent: number[] = []
          for (const actor of actors) {
            // Even a refused hit is a touch.
            store.decide(request({ actor, limits: [check] }))
            if (recent.includes(actor)) recent.splice(recent.indexOf(actor), 1)
            recent.push(actor)
            if (recent.length > maxKeys) recent.shift()
            // Looking is none.
            const present = Array.from({ length: 12 }, (_, i) => i + 1).filter((id) => used(store, id))
            expect(present).toEqual([...recent].sort((a, b) => a - b))
          }
        },
      ),
      { seed },
    )
  })

  it('counts a subject with several buckets once', () => {
    const store = new MemoryStore({ maxKeys: 2 })
    const limits = ['a', 'b', 'c', 'd'].map((bucket) => limit({ bucket }))
    for (const actor of [1, 2]) store.decide(request({ actor, limits }))
    for (const actor of [1, 2]) {
      for (const each of limits) expect(store.peek({ ...request({ actor }), limit: each }).remaining).toBe(2)
    }
  })

  it('holds for all scopes and all spaces together', () => {
    const store = new MemoryStore({ maxKeys: 3 })
    for (const space of ['a:main', 'b:main']) {
      for (const scope of SCOPES) {
        const each = limit({ bucket: scope, scope, key: 'k' })
        store.decide(request({ space, limits: [each] }))
      }
    }
    const left = ['a:main', 'b:main'].flatMap((space) =>
      SCOPES.filter((scope) => {
        const each = limit({ bucket: scope, scope, key: 'k' })
        return store.peek({ ...request({ space }), limit: each }).remaining < 3
      }).map((scope) => `${space} ${scope}`),
    )
    expect(left).toEqual(['b:main member', 'b:main global', 'b:main own'])
  })

  it('evicts idle subjects of a large table and keeps the busy ones', () => {
    const store = new MemoryStore({ maxKeys: 2000 })
    const busy = Array.from({ length: 50 }, (_, i) => 1_000_000 + i)
    for (let actor = 1; actor <= 20_000; actor++) {
      store.decide(request({ actor, limits: [check] }))
      store.decide(request({ actor: busy[actor % 50], limits: [check] }))
    }
    expect(busy.filter((actor) => used(store, actor))).toEqual(busy)
    let kept = 0
    for (let actor = 1; actor <= 20_000; actor++) if (used(store, actor)) kept++
    expect(kept).toBe(1950)
  })

  it('takes the states of users own limiters along', () => {
    const store = new MemoryStore({ maxKeys: 1 })
    const own = limit({ limiter: perMinute as never })
    const hit = (actor: number) => store.decide(request({ actor, now: 0, limits: [own] })).reason
    expect([hit(1), hit(1), hit(2), hit(1)]).toEqual([undefined, 'limited', undefined, undefined])
  })

  it('never touches blocks, registrations and members', async () => {
    const store = new MemoryStore({ maxKeys: 2 })
    const space = 'sentinel:main'
    for (let userId = 1; userId <= 100; userId++) {
      await store.swap(`${space}:blocks::${userId}`, null, { userId, since: 0 })
      await store.swap(`${space}:registrations::${userId}`, null, { userId, since: 0 })
      await store.swap(`${space}:members::${userId}`, null, { userId, reachable: true, since: 0 })
    }
    for (let actor = 1000; actor < 2000; actor++) store.decide(request({ actor, limits: [check] }))
    for (let actor = 1; actor <= 100; actor++) {
      expect(store.decide(request({ actor, registration: 'required' }))).toMatchObject({
        reason: 'blocked',
        registration: { userId: actor },
      })
      expect(await store.get(`${space}:members::${actor}`)).toMatchObject({ value: { reachable: true } })
    }
  })

  it('keeps a block that a refusal added, when the counters behind it are gone', () => {
    const store = new MemoryStore({ maxKeys: 1 })
    const strict = limit({ rule: { limit: 1 }, blockFor: 60_000 })
    store.decide(request({ actor: 1, limits: [strict] }))
    expect(store.decide(request({ actor: 1, limits: [strict] })).blockAdded).toBeDefined()
    store.decide(request({ actor: 2, limits: [strict] }))
    expect(store.decide(request({ actor: 1, limits: [] })).reason).toBe('blocked')
  })
})
