import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PostgresStore } from '../../../lib/stores/postgres'
import { perSecond } from '../report/table'
import type { Table } from '../report/table'
import type { Results, Values } from '../suite'
import { PATIENT } from '../stores/side-by-side'
import { ourGuard } from '../stores/ours'
import { courseOf, race, valueName } from '../stores/rounds'
import { verifyGuard } from '../stores/verify'

export const PGLITE = 'PGlite'
const LEVELS = [1, 64]

/** A store in the process itself, in a folder that is gone afterwards. */
export async function measurePGlite(quick: boolean): Promise<Values> {
  const folder = mkdtempSync(join(tmpdir(), 'telegraf-sentinel-pglite-'))
  try {
    const guard = await ourGuard(PGLITE, new PostgresStore(`pglite:${folder}`, PATIENT))
    await verifyGuard(guard)
    const values = await race([guard], LEVELS, { ...courseOf(quick), rounds: quick ? 1 : 3 })
    await guard.close()
    return values
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function pgliteTable(results: Results): Table {
  return {
    caption: 'PGlite',
    head: ['', 'decisions per second', 'p50, ms', 'p99, ms'],
    rows: LEVELS.map((atOnce) => {
      const value = (what: 'rate' | 'p50' | 'p99') =>
        results.median(PGLITE, PGLITE, valueName(PGLITE, atOnce, what))
      return [`${atOnce} at once`, perSecond(value('rate')), value('p50').toFixed(2), value('p99').toFixed(2)]
    }),
  }
}
