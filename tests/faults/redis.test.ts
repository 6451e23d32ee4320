/** Redis behind a network that fails, and Redis that fails itself. */
import { RedisStore } from 'telegraf-sentinel/redis'
import { Proxy } from '../support/servers/proxy'
import { startRedis, type RedisServer } from '../support/servers/redis'
import { networkFaults, serverFaults, type Fault } from './faults'
import { expectGuarded, expectOpen, expectShut, suite, type Expected } from './suite'
import { withMemory } from './with-memory'

let server: RedisServer
let proxy: Proxy
beforeAll(async () => {
  // What it has acknowledged must outlive a SIGKILL, or 'lost' would say nothing of the store.
  server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
  proxy = await Proxy.start(server.port)
})
afterAll(async () => {
  await proxy.stop()
  await server.stop()
})

const [refused, reset, blackHole, slow, halfOpen] = networkFaults(() => proxy)
const [stopped, killed] = serverFaults(
  () => server,
  () => server.restart(),
)

/** Where the bot finds the server: by way of the proxy where the network fails, else itself. */
const url = (fault: Fault): string =>
  [stopped, killed].includes(fault) ? server.url : proxy.through(server.url)

const alone = (fault: Fault, onStoreError: 'allow' | 'refuse'): Expected => ({
  ...fault,
  store: `Redis alone, \`onStoreError: '${onStoreError}'\``,
  onStoreError,
  open: () => ({ store: new RedisStore(url(fault)) }),
  primary: () => new RedisStore(server.url, { timeout: '10s' }),
  expected: onStoreError === 'allow' ? expectOpen : expectShut,
})

const guarded = (fault: Fault): Expected => ({
  ...fault,
  store: 'Redis, then memory',
  open: () => withMemory(new RedisStore(url(fault))),
  primary: () => new RedisStore(server.url, { timeout: '10s' }),
  expected: expectGuarded,
})

suite('redis', [
  ...[refused, reset, blackHole, slow, halfOpen, stopped, killed].map(guarded),
  alone(blackHole, 'allow'),
  alone(blackHole, 'refuse'),
  alone(killed, 'allow'),
])
