import { RedisStore } from '../../../lib/stores/redis'
import { startRedis } from '../../support/servers/redis'
import { ceilingTarget, ratioTarget, Results } from '../suite'
import type { Measurement, Report, Suite, Target, Task, Values } from '../suite'
import { FLEXIBLE } from '../stores/flexible'
import { PATIENT, sideBySide } from '../stores/side-by-side'
import {
  ALL,
  bytesName,
  bytesTable,
  cpuTable,
  hotTable,
  lapValues,
  latencyTable,
  METHOD,
  rateChart,
  rateTable,
  SIDE_BY_SIDE,
} from '../stores/tables'
import { bytesOfAll } from './bytes'
import { flexibleStore, oneHotLimit, oneLimit, PING, ping, SCRIPT } from './peers'

const OURS = 'RedisStore'
const CONTENDERS = [OURS, FLEXIBLE, SCRIPT, PING]

export const redis: Suite = {
  name: 'redis',
  tasks: (quick): Task[] => [{ suite: 'redis', contender: ALL, scenario: SIDE_BY_SIDE, quick }],
  measure: ({ quick }) => measure(quick),
  report: reportOf,
}

async function measure(quick: boolean): Promise<Values> {
  const servers: Awaited<ReturnType<typeof startRedis>>[] = []
  const field = {
    ours: OURS,
    async empty() {
      const server = await startRedis()
      servers.push(server)
      return server.url
    },
    store: (url: string) => new RedisStore(url, PATIENT),
    flexible: flexibleStore,
    raw: (url: string) => Promise.all([oneLimit(url), ping(url)]),
    hotRaw: oneHotLimit,
    bytes: bytesOfAll,
    users: 100_000,
  }
  try {
    return await sideBySide(field, quick)
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

function reportOf(measurements: readonly Measurement[]): Report {
  const results = new Results(measurements)
  const value = lapValues(results)
  return {
    title: 'Redis: one decision, one trip',
    method: [
      ...METHOD,
      `\`${SCRIPT}\`: INCR, and PEXPIRE by the first hit, of one key per user. All clients are those of npm \`redis\`.`,
      'Bytes: MEMORY USAGE of all keys of a server with 100,000 users, per user.',
    ],
    tables: [
      rateTable(value, CONTENDERS),
      latencyTable(value, CONTENDERS),
      cpuTable(value, CONTENDERS),
      hotTable(value, [OURS, FLEXIBLE, SCRIPT]),
      bytesTable(results, [OURS, FLEXIBLE]),
    ],
    targets: targetsOf(results),
    chart: rateChart(value, 'Redis', CONTENDERS, OURS),
  }
}

function targetsOf(results: Results): Target[] {
  const value = lapValues(results)
  const alone = value(OURS, 1, 'p50') / value(SCRIPT, 1, 'p50')
  return [
    ratioTarget('p50 of an update, 1 at a time, of one limit', alone, 'at most', 1.3),
    ...[64, 256].flatMap((atOnce) => {
      const rate = value(OURS, atOnce, 'rate')
      return [
        ratioTarget(
          `updates per second, ${atOnce} at once, of one limit`,
          rate / value(SCRIPT, atOnce, 'rate'),
          'at least',
          1.8,
        ),
        ratioTarget(
          `updates per second, ${atOnce} at once, of ${FLEXIBLE}`,
          rate / value(FLEXIBLE, atOnce, 'rate'),
          'at least',
          10,
        ),
      ]
    }),
    ceilingTarget('bytes per user', results.median(ALL, SIDE_BY_SIDE, bytesName(OURS, 'acted')), 200, 'B'),
  ]
}
