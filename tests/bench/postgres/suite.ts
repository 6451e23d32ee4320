import { Client } from 'pg'
import { PostgresStore } from '../../../lib/stores/postgres'
import { startPostgres } from '../../support/servers/postgres'
import { ratioTarget, rateTarget, Results } from '../suite'
import type { Measurement, Report, Suite, Target, Task, Values } from '../suite'
import { FLEXIBLE } from '../stores/flexible'
import { PATIENT, sideBySide } from '../stores/side-by-side'
import {
  ALL,
  bytesTable,
  cpuTable,
  HOT,
  HOT_LEVELS,
  hotTable,
  lapValues,
  latencyTable,
  METHOD,
  rateChart,
  rateTable,
  SIDE_BY_SIDE,
} from '../stores/tables'
import type { LapValue } from '../stores/tables'
import { bytesOfAll } from './bytes'
import { flexibleStore, hotUpsert, SELECT, select, UPSERT, upsert } from './peers'
import { measurePGlite, PGLITE, pgliteTable } from './pglite'

const OURS = 'PostgresStore'
const CONTENDERS = [OURS, FLEXIBLE, UPSERT, SELECT]

export const postgres: Suite = {
  name: 'postgres',

  tasks: (quick): Task[] => [
    { suite: 'postgres', contender: ALL, scenario: SIDE_BY_SIDE, quick },
    { suite: 'postgres', contender: PGLITE, scenario: PGLITE, quick },
  ],

  measure: ({ contender, quick }) => (contender === PGLITE ? measurePGlite(quick) : measure(quick)),

  report: reportOf,
}

async function measure(quick: boolean): Promise<Values> {
  const server = await startPostgres({ durable: true })
  let databases = 0
  const field = {
    ours: OURS,
    async empty() {
      const database = `bench${++databases}`
      const client = new Client(server.url)
      await client.connect()
      await client.query(`CREATE DATABASE ${database}`)
      await client.end()
      return server.urlFor({ database })
    },
    store: (url: string) => new PostgresStore(url, PATIENT),
    flexible: flexibleStore,
    raw: async (url: string) => [await upsert(url), select(url)],
    hotRaw: hotUpsert,
    bytes: bytesOfAll,
    users: 10_000,
  }
  try {
    return await sideBySide(field, quick)
  } finally {
    await server.stop()
  }
}

function reportOf(measurements: readonly Measurement[]): Report {
  const results = new Results(measurements)
  const value = lapValues(results)
  return {
    title: 'PostgreSQL: one decision, one statement',
    method: [
      ...METHOD,
      'PostgreSQL 18 with its default settings (fsync is on). All but ours ask through a `pg` pool of 10 with prepared ' +
        `statements. \`${UPSERT}\`: a hit more in one row per user of an unlogged table.`,
      'Bytes: all tables and indexes of a database with 10,000 users, per user.',
      'PGlite: the same updates through the store that runs in the process, in a folder, without peers beside it.',
    ],
    tables: [
      rateTable(value, CONTENDERS),
      latencyTable(value, CONTENDERS),
      cpuTable(value, CONTENDERS),
      hotTable(value, [OURS, FLEXIBLE, UPSERT]),
      bytesTable(results, [OURS, FLEXIBLE]),
      pgliteTable(results),
    ],
    targets: targetsOf(value),
    chart: rateChart(value, 'PostgreSQL', CONTENDERS, OURS),
  }
}

function targetsOf(value: LapValue): Target[] {
  const alone = value(OURS, 1, 'p50') / value(UPSERT, 1, 'p50')
  return [
    ratioTarget('p50 of an update, 1 at a time, of one upsert', alone, 'at most', 1.5),
    ...[64, 256].flatMap((atOnce) => {
      const rate = value(OURS, atOnce, 'rate')
      return [
        ratioTarget(
          `updates per second, ${atOnce} at once, of one upsert`,
          rate / value(UPSERT, atOnce, 'rate'),
          'at least',
          3,
        ),
        ratioTarget(
          `updates per second, ${atOnce} at once, of ${FLEXIBLE}`,
          rate / value(FLEXIBLE, atOnce, 'rate'),
          'at least',
          15,
        ),
      ]
    }),
    ...HOT_LEVELS.map((atOnce) =>
      rateTarget(`one limit for all users, ${atOnce} at once`, value(OURS, atOnce, 'rate', HOT), 50_000),
    ),
  ]
}
