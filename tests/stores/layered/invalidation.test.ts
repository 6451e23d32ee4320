/** What one process changes, the others on the same store know: at once through the channel, else within bounds. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Decision } from '../../../lib/stores/decision'
import { LONGEST_MESSAGE } from '../../../lib/stores/channel'
import { Blocks, Registrations } from '../../../lib/stores/records'
import type { StoreEvent } from '../../../lib/stores/store-event'
import { limitOf, queryOf, requestOf, START } from '../../../lib/testing/contract/requests'
import { Hub, layers, SharedStore, type Layers } from './support'

const SPACE = 'invalidation:test'
const USER = 42

interface Process extends Layers {
  readonly blocks: Blocks
  readonly registrations: Registrations
  reason(limit?: number): string
}

/** Two processes on one store. */
async function processes(hub: Hub | undefined, now = START): Promise<[Process, Process, SharedStore]> {
  const back = new SharedStore(hub)
  const clock = (): number => now
  const made = await Promise.all(
    [1, 2].map(async () => {
      const made = layers(back)
      await made.store.connect()
      return Object.assign(made, {
        blocks: new Blocks(made.store, SPACE, clock),
        registrations: new Registrations(made.store, SPACE, clock),
        reason(limit?: number): string {
          const limits = limit === undefined ? [] : [limitOf({ limit, window: 3_600_000 })]
          const request = requestOf(SPACE, { actor: USER, block: true, limits })
          return (made.store.decide(request) as Decision).reason ?? 'allowed'
        },
      })
    }),
  )
  return [made[0], made[1], back]
}

describe('through the channel', () => {
  test('a ban holds at once, its end as well, and so does what blockFor adds', async () => {
    const [one, two] = await processes(new Hub())
    expect([two.reason(), two.reason(), two.trips]).toEqual(['allowed', 'allowed', 1])
    await one.blocks.add(USER)
    expect(two.reason()).toBe('blocked')
    await one.blocks.remove(USER)
    expect(two.reason()).toBe('allowed')
    const limits = [limitOf({ limit: 1, blockFor: 5_000 })]
    for (let n = 0; n < 2; n++) void one.store.decide(requestOf(SPACE, { actor: USER, block: true, limits }))
    await turn()
    expect(two.reason()).toBe('blocked')
  })

  test('a registration and its end', async () => {
    const [one, two] = await processes(new Hub())
    const ask = () =>
      (two.store.decide(requestOf(SPACE, { actor: USER, registration: 'required' })) as Decision).reason
    expect([ask(), ask(), two.trips]).toEqual(['unregistered', 'unregistered', 1])
    await one.registrations.add(USER)
    expect(ask()).toBe(undefined)
    await one.registrations.remove(USER)
    expect(ask()).toBe('unregistered')
  })

  test('a limit that is reset; one that moves with its group', async () => {
    const [one, two] = await processes(new Hub())
    expect([1, 2, 3].map(() => two.reason(1))).toEqual(['allowed', 'limited', 'limited'])
    expect(two.trips).toBe(2)
    await one.store.reset(queryOf(SPACE, limitOf({ limit: 1 }), START, USER))
    await turn()
    expect(two.reason(1)).toBe('allowed')

    const inGroup = (chat: number) =>
      (
        two.store.decide(
          requestOf(SPACE, { chat, limits: [limitOf({ bucket: 'group', scope: 'chat', limit: 1 })] }),
        ) as Decision
      ).reason
    expect([inGroup(-1), inGroup(-1), inGroup(-1)]).toEqual([undefined, 'limited', 'limited'])
    await one.store.migrateChat(SPACE, -1, -2, [{ bucket: 'group', scope: 'chat' }])
    await turn()
    expect([inGroup(-1), inGroup(-2)]).toEqual([undefined, 'limited'])
  })

  test('many users go in messages that every channel takes', async () => {
    const hub = new Hub()
    const [one, two] = await processes(hub)
    expect(two.reason()).toBe('allowed')
    const ids = Array.from({ length: 5_000 }, (_, n) => Number.MAX_SAFE_INTEGER - n)
    await one.blocks.addMany([...ids, USER])
    expect(hub.sent.length).toBeGreaterThan(10)
    expect(Math.max(...hub.sent.map((text) => Buffer.byteLength(text)))).toBeLessThanOrEqual(LONGEST_MESSAGE)
    await turn()
    expect(two.reason()).toBe('blocked')
    // Even the longest name of a space or a key is told, if only as "anything".
    const query = queryOf('x'.repeat(9_000), limitOf({ scope: 'own', key: '💥'.repeat(5_000) }))
    await one.store.reset(query)
    await one.store.putRecords(
      { space: query.space, namespace: 'blocks' },
      [{ userId: 1, since: 1 }],
      'replace',
    )
    expect(Math.max(...hub.sent.map((text) => Buffer.byteLength(text)))).toBeLessThanOrEqual(LONGEST_MESSAGE)
  })

  test('a refusal is used for `recheck` at most', async () => {
    const [one, two] = await processes(new Hub())
    expect([two.reason(1), two.reason(1), two.reason(1)]).toEqual(['allowed', 'limited', 'limited'])
    two.local = 29_999
    expect([two.reason(1), two.trips]).toEqual(['limited', 2])
    two.local = 30_000
    expect([two.reason(1), two.trips]).toEqual(['limited', 3])
    expect(one.trips).toBe(0)
  })

  test.each([
    '',
    'x',
    '[]',
    'null',
    '{"v":2,"from":"a","space":"s"}',
    '{"v":1}',
    '{"v":1,"from":"a","users":[1]}',
  ])('a message that nobody understands may mean anything: %p', async (text) => {
    const hub = new Hub()
    const [, two] = await processes(hub)
    two.reason(1)
    two.reason(1)
    expect(two.store.remembered).toBeGreaterThan(0)
    hub.say(text)
    expect(two.store.remembered).toBe(0)
  })

  test.each([
    `{"v":1,"from":"a","space":"${SPACE}","users":["1"]}`,
    `{"v":1,"from":"a","space":"${SPACE}","limitsOf":{"scope":"nowhere"}}`,
    `{"v":1,"from":"a","space":"${SPACE}","limitsOf":{"scope":"own","key":7}}`,
  ])('nor does one of which a part is wrong: %p', async (text) => {
    const hub = new Hub()
    const [, two] = await processes(hub)
    two.reason(1)
    two.reason(1)
    hub.say(text)
    expect(two.store.remembered).toBe(0)
  })

  test('its own messages tell a process nothing', async () => {
    const [one] = await processes(new Hub())
    await one.blocks.add(USER)
    expect([one.reason(), one.trips]).toEqual(['blocked', 0])
  })
})

describe('without a channel', () => {
  test('a ban holds within `staleness`, its end as well', async () => {
    const [one, two] = await processes(undefined)
    expect(two.reason()).toBe('allowed')
    await one.blocks.add(USER)
    two.local = 999
    expect(two.reason()).toBe('allowed')
    two.local = 1_000
    expect(two.reason()).toBe('blocked')
    await one.blocks.remove(USER)
    two.local = 1_999
    expect(two.reason()).toBe('blocked')
    two.local = 2_000
    expect(two.reason()).toBe('allowed')
  })

  test('while it is lost: refusals that are older than `staleness` are worth nothing at once', async () => {
    const hub = new Hub()
    const [one, two] = await processes(hub)
    const events: StoreEvent[] = []
    two.store.observe((event) => events.push(event))
    expect([two.reason(1), two.reason(1)]).toEqual(['allowed', 'limited'])
    await one.blocks.add(7)
    two.local = 5_000
    expect([two.reason(1), two.trips]).toEqual(['limited', 2])
    hub.lose()
    expect([two.reason(1), two.trips]).toEqual(['limited', 3])
    two.local = 5_999
    expect([two.reason(1), two.trips]).toEqual(['limited', 3])
    expect(events).toMatchObject([{ type: 'storeError', source: 'invalidation' }])
    expect(await two.store.health()).toMatchObject({ status: 'degraded', lag: 999 })
    hub.mend()
    // Whatever was learnt in between may have changed without a word.
    expect(two.store.remembered).toBe(0)
    expect(await two.store.health()).toMatchObject({ status: 'ok', lag: 0 })
    expect([two.reason(1), two.trips]).toEqual(['limited', 4])
  })

  test.each([undefined, 3_000])(
    'a ban whose message was lost unnoticed holds within `staleness`, after one that ended (at %p) too',
    async (ended) => {
      const back = new SharedStore(new Hub())
      const made = layers(back)
      await made.store.connect()
      const ban = (until?: number) =>
        back.putRecords(
          { space: SPACE, namespace: 'blocks' },
          [{ userId: USER, since: START, ...(until !== undefined && { until }) }],
          'replace',
        )
      const reasonAt = (local: number) => {
        made.local = local
        const request = requestOf(SPACE, { now: START + local, actor: USER, block: true })
        return (made.store.decide(request) as Decision).reason
      }
      if (ended !== undefined) await ban(START + ended)
      expect(reasonAt(2_900)).toBe(ended === undefined ? undefined : 'blocked')
      expect(reasonAt(3_500)).toBe(undefined)
      await ban()
      expect(reasonAt(4_500)).toBe('blocked')
      expect(made.trips).toBe(2)
      await made.store.close()
    },
  )

  test('its lag is the front’s; the back’s stays visible, and the whole is as late as the later of the two', async () => {
    const hub = new Hub()
    const back = new SharedStore(hub)
    back.health = async () => ({ status: 'ok', name: 'back', waiting: 3, lag: 700 })
    const made = layers(back)
    await made.store.connect()
    const name = 'layered'
    const health = () => made.store.health()
    expect(await health()).toMatchObject({ name, lag: 700, waiting: 3, stores: [{ lag: 0 }, { lag: 700 }] })
    hub.lose()
    made.local = 900
    expect(await health()).toMatchObject({ name, lag: 900, stores: [{ lag: 900 }, { lag: 700 }] })
    await made.store.close()
  })

  test('a message that cannot be sent fails no write, and is told of once a second', async () => {
    const hub = new Hub()
    const [one, two] = await processes(hub)
    const events: StoreEvent[] = []
    one.store.observe((event) => events.push(event))
    hub.sending = () => Promise.reject(new Error('down'))
    expect(two.reason()).toBe('allowed')
    for (let n = 0; n < 5; n++) await one.blocks.add(USER)
    await turn()
    expect(events).toMatchObject([{ type: 'storeError', source: 'invalidation', error: new Error('down') }])
    expect([one.reason(), two.reason()]).toEqual(['blocked', 'allowed'])
    two.local = 1_000
    expect(two.reason()).toBe('blocked')
    one.local = 1_000
    await one.blocks.add(USER)
    await turn()
    expect(events.length).toBe(2)
  })

  test('writes do not wait for the channel; close does, but not for ever', async () => {
    const hub = new Hub()
    const [one] = await processes(hub)
    let end = (): void => undefined
    hub.sending = () => new Promise((resolve) => (end = resolve))
    await one.blocks.add(USER)
    let closed = false
    const closing = one.store.close().then(() => (closed = true))
    await turn()
    expect(closed).toBe(false)
    end()
    await closing
    const [two] = await processes(hub)
    hub.sending = () => new Promise(() => undefined)
    await two.blocks.add(USER)
    await two.store.close()
  })

  test('one that takes its time to connect is no trouble yet; one that never does is', async () => {
    const hub = new Hub()
    hub.connects = false
    const [one, two] = await processes(hub)
    one.local = 4_999
    expect(await one.store.health()).toMatchObject({ status: 'ok', lag: 4_999 })
    one.local = 5_000
    expect(await one.store.health()).toMatchObject({ status: 'degraded', lag: 5_000 })
    expect([two.reason(1), two.reason(1)]).toEqual(['allowed', 'limited'])
    two.local = 1_000
    expect([two.reason(1), two.trips]).toEqual(['limited', 3])
  })
})
