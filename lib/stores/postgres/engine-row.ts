/** A bucket's numbers in the database, as the row that its kernel reads. */
import type { Row } from '../../limiters/limiter'
import { ALGORITHM_CODES } from './sql/decide-format'

/** Of the sliding window's row: see lib/limiters/sliding-window.ts. */
const RING_BASE = 2 ** 26

export function rowOf(algorithm: number, numbers: readonly number[]): Row {
  return algorithm === ALGORITHM_CODES['sliding-window'] ? logOf(numbers) : [...numbers]
}

/** `[units dropped, time, units up to and with it, …]` becomes a ring of single times. */
function logOf([dropped, ...pairs]: readonly number[]): Row {
  const units = pairs.length === 0 ? 0 : pairs[pairs.length - 1] - dropped
  const row = new Float64Array(2 + units)
  row[0] = units * RING_BASE
  row[1] = units
  let at = 0
  for (let i = 0; i < pairs.length; i += 2) {
    const end = pairs[i + 1] - dropped
    row.fill(pairs[i], 2 + at, 2 + end)
    at = end
  }
  return row
}
