import { toError } from '../../errors'
import type { StoreHealth } from '../decision'
import { bounded } from './deadlines'
import type { Line } from './line'
import type { Standing } from './standing'

/** How the stores are, and what they are together. A store that is not asked is not asked for this, either. */
export async function healthOf(line: Line, timeout: number): Promise<StoreHealth> {
  const stores = await Promise.all(line.standings.map((standing) => healthAt(standing, timeout)))
  const { serving } = line
  const name = 'failover'
  if (serving === undefined) return { status: 'down', name, error: line.noneLeft().message, stores }
  const { status, latency, waiting, lag } = stores[serving.index]
  const isWell = serving.index === 0 && status === 'ok'
  return {
    status: isWell ? 'ok' : 'degraded',
    name,
    ...(latency !== undefined && { latency }),
    ...(waiting !== undefined && { waiting }),
    ...(lag !== undefined && { lag }),
    stores,
  }
}

async function healthAt(standing: Standing, timeout: number): Promise<StoreHealth> {
  const { name, store, breaker, journal, lastError } = standing
  const lag = journal.since === undefined ? {} : { lag: Math.max(0, Date.now() - journal.since) }
  const about = { name, breaker: breaker.state, ...lag }
  if (breaker.state === 'open')
    return { ...about, status: 'down', error: lastError?.message ?? 'not connected' }
  try {
    const own = await bounded(store.health(), timeout)
    return { ...own, ...about }
  } catch (thrown) {
    return { ...about, status: 'down', error: toError(thrown).message }
  }
}
