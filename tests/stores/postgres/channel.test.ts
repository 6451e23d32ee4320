import { PGlite } from '@electric-sql/pglite'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client, Pool } from 'pg'
import { StoreError } from '../../../lib/errors'
import { PostgresStore } from '../../../lib/stores/postgres'
import type { Channel } from '../../../lib/stores/channel'
import { channelName } from '../../../lib/stores/postgres/channel'
import { lettingGo } from '../../../lib/stores/postgres/pglite'
import { decide } from '../../../lib/testing/contract/requests'
import { TYPESCRIPT } from '../../hammer/workers'
import { until } from '../../support/servers/child'
import { startPgBouncer, startPostgres, type PostgresServer } from '../../support/servers/postgres'
import { Heard } from './heard'
import { inNode } from './node'

jest.setTimeout(60_000)

const timeout = '5s'

/** What is to be undone after a test, the last first, whatever came of it. */
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const act of undo.splice(0).reverse()) await act()
})

function opened(store: PostgresStore): { channel: Channel; heard: Heard } {
  const heard = new Heard()
  const channel = store.openChannel(heard)
  if (channel === undefined) throw new Error('there is no channel')
  undo.push(() => store.close())
  return { channel, heard }
}

describe('a channel through a server', () => {
  let server: PostgresServer
  let admin: Client
  beforeAll(async () => {
    server = await startPostgres()
    admin = new Client(server.url)
    await admin.connect()
  })
  afterAll(async () => {
    await admin.end()
    await server.stop()
  })

  const storeAt = (schema: string): PostgresStore => new PostgresStore(server.url, { schema, timeout })

  /** Server processes whose last statement was about listening. */
  const listening = async (): Promise<number[]> => {
    const text = `SELECT pid FROM pg_stat_activity WHERE query ~* '^LISTEN|AS name WHERE name' AND pid <> pg_backend_pid()`
    return (await admin.query<{ pid: number }>(text)).rows.map(({ pid }) => pid)
  }

  const texts = Array.from({ length: 500 }, (_, n) => (n % 3 === 0 ? 'the same' : `{"n":${n},"é":"'\\ \\""}`))

  async function makePool(max: number): Promise<Pool> {
    const pool = new Pool({ connectionString: server.url, max })
    undo.push(() => pool.end())
    return pool
  }

  const sources: Record<string, (schema: string) => Promise<PostgresStore>> = {
    'a URL': async (schema) => storeAt(schema),
    'a Pool': async (schema) => new PostgresStore(await makePool(2), { schema, timeout }),
    'a Client': async (schema) => {
      const client = new Client(server.url)
      undo.push(() => client.end())
      await client.connect()
      return new PostgresStore(client, { schema, timeout })
    },
  }

  test.each(Object.keys(sources))(
    'on %s everybody hears everything, each sender in its order',
    async (name) => {
      const schema = `source_${Object.keys(sources).indexOf(name)}`
      const one = opened(await sources[name](schema))
      const other = opened(storeAt(schema))
      const elsewhere = opened(storeAt(`${schema}_not`))
      for (const { heard } of [one, other, elsewhere]) await heard.isTold('connected')
      await Promise.all(texts.map((text) => one.channel.send(text)))
      await one.heard.hears(texts)
      await other.heard.hears(texts)
      await other.channel.send('back')
      await one.heard.hears([...texts, 'back'])
      expect(elsewhere.heard.messages).toEqual([])
    },
  )

  test('the longest message arrives; a longer one, or one that PostgreSQL cannot carry, is refused', async () => {
    const { channel, heard } = opened(storeAt('sizes'))
    await heard.isTold('connected')
    const longest = 'é'.repeat(3_500)
    await channel.send(longest)
    await channel.send('')
    await heard.hears([longest, ''])
    await expect(channel.send(`${longest}x`)).rejects.toThrow(/7000 bytes.*not 7001/)
    await expect(channel.send('a\0')).rejects.toThrow(StoreError)
  })

  test('a Pool of one, or a mere query(), has no channel; the first is told why, and decides all the same', async () => {
    const pool = await makePool(1)
    const listener = new Heard()
    const store = new PostgresStore(pool, { timeout })
    undo.push(() => store.close())
    expect(store.openChannel(listener)).toBe(undefined)
    expect(listener.states).toEqual(['lost'])
    expect(listener.errors[0].message).toContain('max: 2 or more')
    await store.connect()
    const decisions = Array.from({ length: 50 }, (_, n) => decide(store, 'one:main', { actor: n + 1 }))
    expect((await Promise.all(decisions)).map(({ reason }) => reason)).toEqual(Array(50).fill(undefined))
    const query = (text: string, values?: unknown[]) => pool.query(text, values)
    expect(new PostgresStore({ query }).openChannel(listener)).toBe(undefined)
    expect(listener.states).toEqual(['lost'])
  })

  test.each(Object.keys(sources).slice(0, 2))('on %s a session that is ended is made anew', async (name) => {
    const schema = `ended_${Object.keys(sources).indexOf(name)}`
    const { channel, heard } = opened(await sources[name](schema))
    await heard.isTold('connected')
    const pids = await listening()
    expect(pids.length).toBe(1)
    await admin.query('SELECT pg_terminate_backend($1)', pids)
    await heard.isTold('connected', 'lost', 'connected')
    expect(heard.errors[0]).toBeInstanceOf(Error)
    await channel.send('again')
    await heard.hears(['again'])
  })

  test('a session that is made to forget what it listens to is made anew', async () => {
    const client = new Client(server.url)
    undo.push(() => client.end())
    await client.connect()
    const { channel, heard } = opened(new PostgresStore(client, { schema: 'forgets', timeout }))
    await heard.isTold('connected')
    await client.query('UNLISTEN *')
    await heard.isTold('connected', 'lost', 'connected')
    await channel.send('again')
    await heard.hears(['again'])
  })

  test('closed, it leaves nothing behind at the client or the server, and tells nothing', async () => {
    const client = new Client(server.url)
    undo.push(() => client.end())
    await client.connect()
    const pool = await makePool(2)
    const stores = [
      storeAt('left'),
      ...[pool, client].map((one) => new PostgresStore(one, { schema: 'left' })),
    ]
    const channels = stores.map(opened)
    for (const { heard } of channels) await heard.isTold('connected')
    const last = channels.map(({ channel }) => channel.send('last'))
    await Promise.all(channels.map(({ channel }) => channel.close()))
    await Promise.all(last)
    const told = channels.map(({ heard }) => heard.told.length)
    await admin.query(`SELECT pg_notify('left_changes', 'm1 late')`)
    const heardBy = await client.query('SELECT pg_listening_channels() AS name')
    expect(heardBy.rows).toEqual([])
    expect(['notification', 'error', 'end'].map((event) => client.listenerCount(event))).toEqual([0, 0, 0])
    expect([pool.totalCount, pool.idleCount]).toEqual([pool.totalCount, pool.totalCount])
    expect(channels.map(({ heard }) => heard.told.length)).toEqual(told)
    await expect(channels[0].channel.send('late')).rejects.toThrow(/closed/)
    await until(
      async () => (await listening()).length === 0,
      () => 'a session of a closed channel is still there',
    )
  })

  test('a Pool that its owner ends gets its client back', async () => {
    const pool = new Pool({ connectionString: server.url })
    const { heard } = opened(new PostgresStore(pool, { schema: 'ending' }))
    await heard.isTold('connected')
    await pool.end()
    expect(heard.states).toEqual(['connected', 'lost'])
  })

  test('a channel closed before it has connected is not heard of', async () => {
    const store = storeAt('hasty')
    const { channel, heard } = opened(store)
    await channel.close()
    await delay(200)
    expect(heard.told).toEqual([])
    await until(
      async () => (await listening()).length === 0,
      () => 'its session is still there',
    )
  })

  test('two processes hear each other; the process that closes nothing exits by itself', async () => {
    const { channel, heard } = opened(storeAt('processes'))
    await heard.isTold('connected')
    const worker = fork(resolve(__dirname, 'channel-worker.ts'), [server.url, 'processes'], {
      execArgv: TYPESCRIPT,
    })
    undo.push(() => worker.kill())
    await once(worker, 'message')
    await channel.send('to all')
    await heard.hears(['to all', ...Array.from({ length: 100 }, (_, n) => `got to all ${n}`)])
    const exited = once(worker, 'exit')
    worker.disconnect()
    expect(await exited).toEqual([0, null])
  })

  test('while it connects, or waits to try again, it holds no process either', async () => {
    const body = `
      new PostgresStore(process.env.SERVER, { schema: 'held' }).openChannel({ message() {}, connected() {}, lost() {} })
      new PostgresStore('postgres://127.0.0.1:1/none').openChannel({ message() {}, connected() {}, lost() {} })
      console.log('done')`
    expect(await inNode(body, { SERVER: server.url })).toBe('done')
  })
})

describe('a channel whose server is in trouble', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  test('restarted, or hanging: lost is told once, then connected again', async () => {
    const { channel, heard } = opened(new PostgresStore(server.url, { timeout }))
    await heard.isTold('connected')
    await server.kill()
    await heard.isTold('connected', 'lost')
    await expect(channel.send('into the void')).rejects.toThrow(StoreError)
    await server.start()
    await heard.isTold('connected', 'lost', 'connected')
    server.pause()
    await heard.isTold('connected', 'lost', 'connected', 'lost')
    server.resume()
    await heard.isTold('connected', 'lost', 'connected', 'lost', 'connected')
    await channel.send('again')
    await heard.hears(['again'])
  })

  test('with PgBouncer in between: in transaction mode it never counts as connected, in session mode it works', async () => {
    for (const mode of ['transaction', 'session'] as const) {
      const bouncer = await startPgBouncer(server, { mode, settings: { default_pool_size: '20' } })
      undo.push(() => bouncer.stop())
      const client = new Client(bouncer.url)
      await client.connect()
      undo.push(() => client.end())
      const pool = new Pool({ connectionString: bouncer.url, max: 3 })
      undo.push(() => pool.end())
      // Each on a channel of its own.
      const [byUrl, byPool, byClient] = [bouncer.url, pool, client].map((source, n) =>
        opened(new PostgresStore(source, { schema: `${mode}_${n}`, timeout })),
      )
      for (const { heard, channel } of [byUrl, byPool]) {
        await heard.isTold(mode === 'session' ? 'connected' : 'lost')
        await channel.send('x')
        await heard.hears(mode === 'session' ? ['x'] : [])
        if (mode === 'transaction')
          expect(heard.errors[0].message).toMatch(/pooler \(PgBouncer.*URL of the server/)
        await channel.close()
      }
      await byClient.heard.isTold('lost')
    }
  })
})

test('a channel through PGlite', async () => {
  const pglite = lettingGo(new PGlite())
  undo.push(() => pglite.close())
  for (const source of [pglite, 'pglite:memory://'] as const) {
    const { channel, heard } = opened(new PostgresStore(source, { schema: 'Inside', timeout }))
    await heard.isTold('connected')
    await Promise.all(['a', 'b', 'a'].map((text) => channel.send(text)))
    await heard.hears(['a', 'b', 'a'])
    await channel.close()
    if (source === pglite) await pglite.query(`SELECT pg_notify($1, 'm9 late')`, [channelName('Inside')])
    await delay(10)
    expect(heard.messages).toEqual(['a', 'b', 'a'])
  }
})

test('the name of a channel needs no quotes and is PostgreSQL’s length, and no two schemas share one', () => {
  const schemas = ['sentinel', 'Sentinel', 'x'.repeat(55), 'x'.repeat(56), `${'x'.repeat(56)}y`]
  const names = schemas.map(channelName)
  expect(names[0]).toBe('sentinel_changes')
  expect(new Set(names).size).toBe(schemas.length)
  for (const name of names) expect(name).toMatch(/^[a-z_][a-z0-9_]{0,62}$/)
})
