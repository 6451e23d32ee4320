/** Many records at a time, in constant memory: a thousand are read, checked and written before the next is asked for. */
import { setImmediate as turn } from 'node:timers/promises'
import { SentinelUsageError } from '../errors'
import { hintFor } from '../nearest'
import { show } from '../schema'

/** Anything that `for await` takes: an array, a set, a generator, a stream of rows. */
export type Many<T> = Iterable<T> | AsyncIterable<T>

/** Options of `addMany` and `removeMany`. */
export interface BulkOptions {
  /** Told after each thousand, and at the end, how many of the items are done. */
  readonly onProgress?: (done: number) => void
}

/** Items that are written together. */
const CHUNK = 1_000

/**
 * Reads items, checks a thousand of them (`read`), has them written (`write`, which says how many that were), and goes on.
 *
 * @throws SentinelUsageError naming the place of an item that is none; whatever `items`, `write` and `onProgress` throw. The
 *   thousands before it are written; the iterator is told to end.
 */
export async function eachThousand<I, T>(
  items: Many<I>,
  options: BulkOptions = {},
  read: (item: I, now: number) => T,
  now: () => number | Promise<number>,
  write: (chunk: T[], now: number) => Promise<number>,
): Promise<number> {
  checkOptions(options)
  checkItems(items)
  let done = 0
  let written = 0
  for await (const chunk of chunksOf(items)) {
    const at = await now()
    const start = done
    const checked = chunk.map((item, index) => readItem(item, index, start, at, read))
    written += await write(checked, at)
    done += chunk.length
    options.onProgress?.(done)
    // A store that answers at once would else hold up everything else in this process until all is done.
    await turn()
  }
  return written
}

async function* chunksOf<T>(items: Many<T>): AsyncGenerator<T[]> {
  let chunk: T[] = []
  for await (const item of items) {
    chunk.push(item)
    if (chunk.length < CHUNK) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}

function readItem<I, T>(
  item: I,
  index: number,
  done: number,
  now: number,
  read: (item: I, now: number) => T,
): T {
  try {
    return read(item, now)
  } catch (thrown) {
    if (!(thrown instanceof SentinelUsageError)) throw thrown
    const before = done === 0 ? 'nothing is done yet' : `the ${done} items before items[${done}] are done`
    throw new SentinelUsageError(`items[${done + index}]: ${thrown.message} (${before})`)
  }
}

function checkOptions(options: BulkOptions): void {
  for (const name of Object.keys(options)) {
    if (name === 'onProgress') continue
    throw new SentinelUsageError(`there is no option '${name}'; ${hintFor(name, ['onProgress'], 'options')}`)
  }
  if (options.onProgress === undefined || typeof options.onProgress === 'function') return
  throw new SentinelUsageError(
    `onProgress must be a function (done) => void, not ${show(options.onProgress)}`,
  )
}

/** A text could be iterated over, letter by letter. */
function checkItems(items: unknown): void {
  const many = items as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined
  const iterates = many?.[Symbol.asyncIterator] ?? many?.[Symbol.iterator]
  if (typeof iterates === 'function' && typeof items === 'object') return
  throw new SentinelUsageError(
    `items must be an array, or another iterable or async iterable, not ${show(items)}`,
  )
}
