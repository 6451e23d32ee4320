/** PostgreSQL behind a network that fails, and PostgreSQL that fails itself. */
import { Client } from 'pg'
import { PostgresStore } from 'telegraf-sentinel/postgres'
import { startPostgres, type PostgresServer } from '../support/servers/postgres'
import { Proxy } from '../support/servers/proxy'
import { Crowd } from './crowd'
import { networkFaults, serverFaults, type Fault } from './faults'
import { expectGuarded, expectOpen, suite, type Expected } from './suite'
import { withMemory } from './with-memory'

/** As many connections as ordinary users may have, and those beyond them that are kept for superusers. */
const CONNECTIONS = 16
const RESERVED = 4

let server: PostgresServer
let proxy: Proxy
let crowd: Crowd
beforeAll(async () => {
  server = await startPostgres({
    // What it has acknowledged must outlive a SIGKILL, or 'lost' would say nothing of the store.
    durable: true,
    settings: {
      max_connections: String(CONNECTIONS + RESERVED),
      superuser_reserved_connections: String(RESERVED),
    },
  })
  proxy = await Proxy.start(server.port)
  for (const user of ['bot', 'crowd'])
    await administer(`CREATE ROLE ${user} LOGIN PASSWORD '${server.password}'`)
  await administer('GRANT CREATE ON DATABASE postgres TO bot')
  const url = server.urlFor({ user: 'crowd' })
  crowd = new Crowd({ url, connections: CONNECTIONS, administer, victim: 'bot' })
})
afterAll(async () => {
  await proxy.stop()
  await server.stop()
})

async function administer(...statements: string[]): Promise<readonly object[]> {
  const client = new Client(server.url)
  await client.connect()
  try {
    await client.query('SET default_transaction_read_only = off')
    let rows: readonly object[] = []
    for (const text of statements) rows = (await client.query<object>(text)).rows
    return rows
  } finally {
    await client.end()
  }
}

const [refused, reset, blackHole, slow, halfOpen] = networkFaults(() => proxy)
const [stopped, killed] = serverFaults(
  () => server,
  () => server.start(),
)
const restarted: Fault = {
  fault: 'restarted',
  begin: () => server.shutdown(),
  away: 0,
  end: () => server.start(),
}
const readOnly: Fault = {
  fault: 'read-only',
  begin: () => administer('ALTER SYSTEM SET default_transaction_read_only = on', 'SELECT pg_reload_conf()'),
  end: () => administer('ALTER SYSTEM RESET default_transaction_read_only', 'SELECT pg_reload_conf()'),
}
const crowded: Fault = {
  fault: 'out of connections',
  begin: () => crowd.take(),
  end: () => crowd.leave(),
}

const own = (): string => server.urlFor({ user: 'bot' })
/** Where the bot finds the server: by way of the proxy where the network fails, else itself. */
const url = (fault: Fault): string =>
  [refused, reset, blackHole, slow, halfOpen].includes(fault) ? proxy.through(own()) : own()

const alone = (fault: Fault): Expected => ({
  ...fault,
  store: "PostgreSQL alone, `onStoreError: 'allow'`",
  onStoreError: 'allow',
  open: () => ({ store: new PostgresStore(url(fault)) }),
  primary: () => new PostgresStore(own(), { timeout: '10s' }),
  expected: expectOpen,
})

const guarded = (fault: Fault): Expected => ({
  ...fault,
  store: 'PostgreSQL, then memory',
  open: () => withMemory(new PostgresStore(url(fault))),
  primary: () => new PostgresStore(own(), { timeout: '10s' }),
  expected: expectGuarded,
})

suite('postgresql', [
  ...[refused, reset, blackHole, slow, halfOpen, stopped, killed, restarted, readOnly, crowded].map(guarded),
  alone(blackHole),
  alone(killed),
])
