import { PGlite } from '@electric-sql/pglite'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PostgresStore } from '../../../lib/stores/postgres'
import { lettingGo } from '../../../lib/stores/postgres/pglite'
import { storeContract } from '../../../lib/testing/store-contract'
import { hasSystemPostgres, startPostgres, type PostgresServer } from '../../support/servers/postgres'

/** The contract is about verdicts, not about how soon they come on a busy machine. */
const timeout = '20s'

for (const version of hasSystemPostgres() ? (['embedded', 'system'] as const) : (['embedded'] as const)) {
  describe(`${version} server`, () => {
    let server: PostgresServer
    beforeAll(async () => {
      server = await startPostgres({ version })
    })
    afterAll(() => server.stop())

    storeContract(`PostgresStore (${version})`, () => new PostgresStore(server.url, { timeout }), {
      seed: Date.now() % 1_000_000,
    })
  })
}

describe('PGlite in memory', () => {
  let pglite: PGlite
  beforeAll(async () => {
    pglite = lettingGo(new PGlite())
    await pglite.waitReady
  })
  afterAll(() => pglite.close())

  storeContract('PostgresStore (PGlite)', () => new PostgresStore(pglite, { timeout }), {
    seed: Date.now() % 1_000_000,
    steps: 40,
  })
})

describe('PGlite in a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'telegraf-sentinel-pglite-'))
  let pglite: PostgresStore
  // Opening it takes a second, so all tests share one; opening it again is tested elsewhere.
  beforeAll(async () => {
    pglite = new PostgresStore(`pglite:${folder}/data`, { timeout })
    await pglite.connect()
  })
  afterAll(async () => {
    await pglite.close()
    rmSync(folder, { recursive: true })
  })

  test('it keeps what it is told', async () => {
    const version = await pglite.swap('key', null, [1])
    expect(await pglite.get('key')).toEqual({ value: [1], version })
  })
})
