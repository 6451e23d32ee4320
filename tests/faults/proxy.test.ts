/** The proxy that the other tests of this folder blame on the network. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { until } from '../support/servers/child'
import { Proxy } from '../support/servers/proxy'

const SLOWNESS = 100

let server: Server
let proxy: Proxy
/** The server's side of each connection, in their order. */
let served: Socket[]
const clients: Client[] = []

beforeEach(async () => {
  served = []
  server = createServer((socket) => {
    served.push(socket)
    // A reset is what some of the tests are about.
    socket.on('error', () => undefined)
    socket.on('data', (data) => socket.write(data))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await Proxy.start((server.address() as AddressInfo).port, { slowness: SLOWNESS })
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy()
  await proxy.stop()
  for (const socket of served) socket.destroy()
  server.close()
  await once(server, 'close')
})

class Client {
  readonly socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
  heard = ''
  /** Its code, once the connection broke. */
  broken: string | undefined
  ended = false

  constructor() {
    clients.push(this)
    this.socket.on('data', (data) => void (this.heard += data.toString()))
    this.socket.on('error', (error) => void (this.broken = (error as NodeJS.ErrnoException).code))
    this.socket.on('end', () => void (this.ended = true))
  }

  say(text: string): void {
    this.socket.write(text)
  }

  /** Resolves once it has heard exactly this. */
  hears(text: string): Promise<void> {
    return until(
      () => this.heard === text,
      () => `'${this.heard}' was heard, not '${text}'`,
    )
  }

  breaks(): Promise<void> {
    return until(
      () => this.broken !== undefined,
      () => 'the connection does not break',
    )
  }
}

/** Whether a new connection gets an answer: what was to happen before it has happened. */
async function assertPasses(): Promise<void> {
  const client = new Client()
  client.say('through?')
  await client.hears('through?')
}

async function connected(): Promise<Client> {
  const client = new Client()
  client.say('1')
  await client.hears('1')
  return client
}

/** Time in which on loopback anything would have arrived. */
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60))

test('passes bytes and ends both ways', async () => {
  const client = await connected()
  client.say('23')
  await client.hears('123')
  served[0].end('bye')
  await client.hears('123bye')
  await until(
    () => client.ended,
    () => 'the end does not arrive',
  )
  const other = await connected()
  const end = once(served[1], 'end')
  other.socket.end()
  await end
  expect(proxy.through(`redis://u:p@127.0.0.1:${(server.address() as AddressInfo).port}/3`)).toBe(
    `redis://u:p@127.0.0.1:${proxy.port}/3`,
  )
})

test('passes a reset on, both ways', async () => {
  const [one, two] = [await connected(), await connected()]
  served[0].resetAndDestroy()
  await one.breaks()
  expect(one.broken).toBe('ECONNRESET')
  const broken = new Promise<Error>((resolve) => served[1].once('error', resolve))
  two.socket.resetAndDestroy()
  expect(await broken).toMatchObject({ code: 'ECONNRESET' })
})

test('refuses: nothing listens, connections are reset; then it passes again', async () => {
  const client = await connected()
  await proxy.become('refuse')
  await client.breaks()
  expect(client.broken).toBe('ECONNRESET')
  const late = new Client()
  await late.breaks()
  expect(late.broken).toBe('ECONNREFUSED')
  await proxy.become('pass')
  await assertPasses()
})

test('resets in the middle of a reply, old connections and new', async () => {
  const old = await connected()
  await proxy.become('reset')
  for (const client of [old, new Client()]) {
    const before = client.heard
    client.say('abcdef')
    await client.breaks()
    expect([client.heard, client.broken]).toEqual([`${before}abc`, 'ECONNRESET'])
  }
  await proxy.become('pass')
  await assertPasses()
})

test('a black hole accepts, and swallows both ways; who lost something is reset when it ends', async () => {
  const [sending, answered, idle] = [await connected(), await connected(), await connected()]
  await proxy.become('black-hole')
  const late = new Client()
  for (const client of [sending, late]) client.say('lost')
  served[1].write('lost too')
  served[1].end()
  await aWhile()
  for (const client of [sending, answered, idle, late]) {
    expect([client.heard.length < 2, client.broken, client.ended]).toEqual([true, undefined, false])
  }
  await proxy.become('pass')
  for (const client of [sending, answered, late]) {
    await client.breaks()
    expect(client.broken).toBe('ECONNRESET')
  }
  idle.say('2')
  await idle.hears('12')
})

test('slow: late both ways, in order, and what is under way arrives no sooner when it ends', async () => {
  const client = await connected()
  await proxy.become('slow')
  const start = performance.now()
  client.say('2')
  client.say('3')
  await aWhile()
  await proxy.become('pass')
  client.say('4')
  await client.hears('1234')
  expect(performance.now() - start).toBeGreaterThan(SLOWNESS - 5)
  await proxy.become('slow')
  const again = performance.now()
  client.say('5')
  await client.hears('12345')
  expect(performance.now() - again).toBeGreaterThan(2 * SLOWNESS - 5)
})

test('half-open: the server sees the end, the client nothing, ever; new connections pass', async () => {
  const client = await connected()
  const gone = once(served[0], 'close')
  await proxy.become('half-open')
  await gone
  client.say('anybody?')
  await assertPasses()
  await proxy.become('pass')
  await aWhile()
  expect([client.heard, client.broken, client.ended]).toEqual(['1', undefined, false])
  await assertPasses()
})
