/** Takes many locks, each at a time that other processes take it too: says which it has got. */
import { takeLock } from '../../lib/stores/lock'

const [, , folder, count] = process.argv
/** ms from one lock to the next. */
const EVERY = 8

process.once('message', (start: number) => {
  const got: number[] = []
  for (let n = 0; n < Number(count); n++) {
    while (Date.now() < start + n * EVERY);
    if (typeof takeLock(`${folder}/${n}.lock`) !== 'number') got.push(n)
  }
  process.send?.(got)
  // What it has it keeps until all are done: a dead process has no lock.
  process.once('message', () => process.exit())
})
process.send?.('ready')
