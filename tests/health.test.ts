/** Probes over real HTTP: bare, in Express, in Fastify. */
import { createServer, request as ask, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import express from 'express'
import fastify from 'fastify'
import { createSentinel, healthHandler, SentinelOptionsError, type StorageAdapter } from 'telegraf-sentinel'
import { MapStore } from './support/map-store'

const servers: Server[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((closed) => server.close(closed))))
})

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return (server.address() as AddressInfo).port
}

interface Answered {
  readonly code: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

function get(port: number, path: string, method = 'GET'): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = ask({ host: '127.0.0.1', port, path, method, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ code: response.statusCode, headers: response.headers, text }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** A store whose server can be away. */
class Outage extends MapStore {
  away = false
  asked = 0

  override async get(key: string) {
    this.asked++
    if (this.away) throw new Error('connect ECONNREFUSED')
    return super.get(key)
  }
}

const sentinelOn = (store: StorageAdapter) => createSentinel({ store })

test('a bare server: live, ready, and nothing else', async () => {
  const port = await serve(healthHandler(sentinelOn(new MapStore())))
  expect(await get(port, '/live')).toMatchObject({ code: 200, text: '{"status":"live"}' })
  expect(await get(port, '/ready?from=kubelet')).toMatchObject({ code: 200, text: '{"status":"ok"}' })
  expect((await get(port, '/health/ready')).headers).toMatchObject({ 'cache-control': 'no-store' })
  expect((await get(port, '/constructor')).code).toBe(404)
  expect((await get(port, '/')).code).toBe(404)
  expect(await get(port, '/ready', 'HEAD')).toMatchObject({ code: 200, text: '' })
  expect(await get(port, '/ready', 'POST')).toMatchObject({ code: 405, headers: { allow: 'GET, HEAD' } })
})

test('a store that is away: still live, not ready, and ready again when it is back', async () => {
  const store = new Outage()
  const port = await serve(healthHandler(sentinelOn(store), { every: 1 }))
  expect((await get(port, '/ready')).code).toBe(200)
  store.away = true
  await wait(2)
  expect(await get(port, '/ready')).toMatchObject({ code: 503, text: '{"status":"down"}' })
  expect((await get(port, '/live')).code).toBe(200)
  store.away = false
  await wait(2)
  expect((await get(port, '/ready')).code).toBe(200)
})

test('with details, the health itself; with ready, its own mind', async () => {
  const store = new Outage()
  store.away = true
  const sentinel = sentinelOn(store)
  const port = await serve(healthHandler(sentinel, { details: true, ready: () => true }))
  const { code, text } = await get(port, '/ready')
  expect(code).toBe(200)
  expect(JSON.parse(text)).toEqual(await sentinel.health())
  expect(JSON.parse(text)).toMatchObject({ stores: [{ status: 'down', error: 'connect ECONNREFUSED' }] })
})

test('a hundred probes at once are one look at the store, and the next second has its own', async () => {
  const store = new Outage()
  const port = await serve(healthHandler(sentinelOn(store), { every: '10m' }))
  await Promise.all(Array.from({ length: 100 }, () => get(port, '/ready')))
  expect(store.asked).toBe(1)
  const often = await serve(healthHandler(sentinelOn(store), { every: 1 }))
  await get(often, '/ready')
  await wait(2)
  await get(often, '/ready')
  expect(store.asked).toBe(3)
})

test('a `ready` that throws is no crash', async () => {
  const broken = (): boolean => {
    throw new Error('no idea')
  }
  const port = await serve(healthHandler(sentinelOn(new MapStore()), { ready: broken }))
  expect(await get(port, '/ready')).toMatchObject({ code: 503, text: '{"status":"down","error":"no idea"}' })
})

test('a `ready` that is asynchronous is waited for, also where it rejects', async () => {
  const asynchronous = (answer: () => Promise<boolean>) => answer as unknown as () => boolean
  const no = asynchronous(async () => false)
  const broken = asynchronous(async () => Promise.reject(new Error('no idea')))
  const sentinel = sentinelOn(new MapStore())
  expect((await get(await serve(healthHandler(sentinel, { ready: no })), '/ready')).code).toBe(503)
  expect(await get(await serve(healthHandler(sentinel, { ready: broken })), '/ready')).toMatchObject({
    code: 503,
    text: '{"status":"down","error":"no idea"}',
  })
})

test('what was answered meanwhile is not answered again, and that is no crash', async () => {
  const rejections: unknown[] = []
  const rejected = (thrown: unknown): void => void rejections.push(thrown)
  process.on('unhandledRejection', rejected)
  try {
    const handler = healthHandler(sentinelOn(new MapStore()))
    const port = await serve((req, res) => {
      res.writeHead(504).end('too late')
      handler(req, res)
    })
    expect(await get(port, '/ready')).toMatchObject({ code: 504, text: 'too late' })
    expect((await get(port, '/live', 'POST')).code).toBe(504)
    await wait(10)
    expect(rejections).toEqual([])
  } finally {
    process.off('unhandledRejection', rejected)
  }
})

test('Express: mounted anywhere, other paths go on', async () => {
  const app = express()
  app.use('/health', sentinelOn(new MapStore()).healthHandler())
  app.get('/health/else', (_req, res) => void res.send('mine'))
  const port = await serve(app)
  expect(await get(port, '/health/ready')).toMatchObject({ code: 200, text: '{"status":"ok"}' })
  expect((await get(port, '/health/live')).code).toBe(200)
  expect((await get(port, '/health/else')).text).toBe('mine')
  expect((await get(port, '/ready')).code).toBe(404)
})

test('Fastify: as the handler of a route', async () => {
  const app = fastify()
  const handler = healthHandler(sentinelOn(new MapStore()))
  app.get('/live', handler)
  app.get('/ready', handler)
  await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    const { port } = app.server.address() as AddressInfo
    expect(await get(port, '/ready')).toMatchObject({ code: 200, text: '{"status":"ok"}' })
    expect(await get(port, '/live')).toMatchObject({ code: 200 })
  } finally {
    await app.close()
  }
})

test('health says what waits, and never rejects', async () => {
  const sentinel = sentinelOn(new MapStore())
  expect(await sentinel.health()).toMatchObject({
    status: 'ok',
    stores: [{ status: 'ok' }],
    waiting: { decisions: 0, hooks: 0, replies: 0 },
  })
  await sentinel.close()
  expect(await sentinel.health()).toMatchObject({
    status: 'down',
    store: { error: 'the sentinel is closed' },
    stores: [{ status: 'down' }],
  })
})

test.each([undefined, null, { status: 'fine' }, { status: 'ok', stores: [undefined] }])(
  'a store that says %j of its health is down',
  async (said) => {
    class Odd extends MapStore {
      override async health() {
        return said as never
      }
    }
    const { status, store, stores } = await sentinelOn(new Odd()).health()
    expect([status, store.status, stores.length]).toEqual(['down', 'down', 1])
    expect(store.error).toContain("must tell a status, 'ok', 'degraded' or 'down'")
  },
)

test('every mistake in the options at once', () => {
  const options = { reddy: 1, every: 'often', ready: 5, details: 'yes' } as object
  const make = () => healthHandler(sentinelOn(new MapStore()), options)
  expect(make).toThrow(SentinelOptionsError)
  expect(make).toThrow(/reddy.*ready[\s\S]*every[\s\S]*ready[\s\S]*details/)
  expect(() => healthHandler(sentinelOn(new MapStore()), null as never)).toThrow(
    /must be an object, not null/,
  )
})
