import { DURATION_HINT, toMilliseconds, type Duration } from '../../duration'
import { SentinelOptionsError, type Problem } from '../../errors'
import { maskUrl } from '../../mask'
import { hintFor } from '../../nearest'
import { isStore, parseStore } from '../open'
import { checkCount, optionsObject } from '../store-options'
import type { StorageAdapter } from '../store'

/** Where the writes are kept that a store in front has missed. */
export interface JournalOptions {
  /** Users whose last write is kept at most, per store that misses it; a write beyond that is refused. Default 100,000. */
  readonly most?: number
  /**
   * Where it is kept on disk, too, so that a process which ends during an outage carries it over after its next start. One
   * process at a time may have the file; a link stays one. What the operating system has taken survives the process, not a power failure.
   * Default: nowhere.
   */
  readonly file?: string
}

/** What the stores behind the first one know of its blocks and registrations. */
export interface CopiesOptions {
  /** Blocks, and registrations, of one bot that are copied at most. Default 100,000 of each. */
  readonly most?: number
  /**
   * How often everything is copied anew: what other processes wrote is as old as this at most, and what is gone from the first
   * store is gone from the copies then. Default `'5m'`.
   */
  readonly refresh?: Duration
}

/** Options of `failover`. */
export interface FailoverOptions {
  /** Longest wait for one store's answer, then the next is asked. Default `'200ms'`: both fit into a `storeTimeout` of 500 ms. */
  readonly timeout?: Duration
  /** Longest wait for a store's `connect`. Default `'5s'`. Another one behind it serves after `timeout`. */
  readonly connectTimeout?: Duration
  /** Failures in a row after which a store is not asked any more. Default 5. */
  readonly failures?: number
  /** Good answers in a row after which it serves again. Default 5. */
  readonly successes?: number
  /** How long it must have been well before it serves again. Default `'1s'`. */
  readonly settle?: Duration
  /** Longest time between two probes of a store that is away; the first comes after 100 ms. Default `'2s'`. */
  readonly probeEvery?: Duration
  /** What is written to blocks, registrations and members while a store is away, for when it is back. */
  readonly journal?: JournalOptions
  /**
   * The first store's blocks and registrations are copied to those behind it. `false`: not, as they share them by other
   * means (replication).
   */
  readonly copies?: CopiesOptions | false
}

/** A store of the line, and what it is called. */
export interface Named {
  readonly name: string
  readonly store: StorageAdapter
}

export interface ReadOptions {
  readonly stores: readonly Named[]
  /** ms. */
  readonly timeout: number
  readonly connectTimeout: number
  readonly failures: number
  readonly successes: number
  readonly settle: number
  readonly probeEvery: number
  readonly journal: { readonly most: number; readonly file: string | undefined }
  readonly copies: { readonly most: number; readonly refresh: number } | undefined
}

const NAMES: readonly (keyof FailoverOptions)[] = [
  'timeout',
  'connectTimeout',
  'failures',
  'successes',
  'settle',
  'probeEvery',
  'journal',
  'copies',
]
/** The longest that a timer can wait (ms). */
const LONGEST = 2 ** 31 - 1

/** @throws SentinelOptionsError that lists every mistake */
export function readOptions(stores: unknown, options: FailoverOptions): ReadOptions {
  const problems: Problem[] = []
  const given = optionsObject(options, problems)
  checkNames('', given, NAMES, problems)
  const timeout = durationOf('timeout', given.timeout ?? '200ms', problems)
  const connectTimeout = durationOf('connectTimeout', given.connectTimeout ?? '5s', problems)
  const settle = durationOf('settle', given.settle ?? '1s', problems)
  const probeEvery = durationOf('probeEvery', given.probeEvery ?? '2s', problems)
  const { failures = 5, successes = 5 } = given
  checkCount('failures', failures, Number.MAX_SAFE_INTEGER, problems)
  checkCount('successes', successes, Number.MAX_SAFE_INTEGER, problems)
  const journal = journalOf(given.journal, problems)
  const copies = given.copies === false ? undefined : copiesOf(given.copies, problems)
  const named = storesOf(stores, timeout, problems)
  if (problems.length > 0) throw new SentinelOptionsError(problems)
  return { stores: named, timeout, connectTimeout, failures, successes, settle, probeEvery, journal, copies }
}

function storesOf(given: unknown, timeout: number, problems: Problem[]): Named[] {
  if (!Array.isArray(given)) {
    problems.push({ path: 'stores', message: 'must be an array of stores, the one to ask first at its head' })
    return []
  }
  const all: readonly unknown[] = given
  if (all.length < 2) {
    problems.push({
      path: 'stores',
      message: `must be two or more, not ${all.length}: one stands behind another`,
    })
  }
  const names = new Map<string, number>()
  return all.map((one, index) => {
    const path = `stores[${index}]`
    const first = all.indexOf(one)
    if (first < index)
      problems.push({ path, message: `is stores[${first}] once more: each store may be there once` })
    const name = nameOf(one)
    const count = (names.get(name) ?? 0) + 1
    names.set(name, count)
    return { name: count === 1 ? name : `${name} ${count}`, store: storeAt(path, one, timeout, problems) }
  })
}

function storeAt(path: string, given: unknown, timeout: number, problems: Problem[]): StorageAdapter {
  const parsed = parseStore(given ?? null, path, { timeout })
  problems.push(...parsed.problems)
  return parsed.value
}

function nameOf(given: unknown): string {
  if (typeof given === 'string') return maskUrl(given)
  return isStore(given) ? (given.constructor?.name ?? 'store') : 'store'
}

function journalOf(given: JournalOptions | undefined, problems: Problem[]): ReadOptions['journal'] {
  const { most = 100_000, file, ...others } = partOf('journal', given, problems)
  checkNames('journal.', others, ['most', 'file'], problems)
  checkCount('journal.most', most, Number.MAX_SAFE_INTEGER, problems)
  if (file !== undefined && (typeof file !== 'string' || file === '')) {
    problems.push({
      path: 'journal.file',
      message: `must be the path of a file, not ${String(file) || "''"}`,
    })
  }
  return { most, file }
}

function copiesOf(given: CopiesOptions | undefined, problems: Problem[]): ReadOptions['copies'] {
  const { most = 100_000, refresh = '5m', ...others } = partOf('copies', given, problems)
  checkNames('copies.', others, ['most', 'refresh'], problems)
  checkCount('copies.most', most, Number.MAX_SAFE_INTEGER, problems)
  return { most, refresh: durationOf('copies.refresh', refresh, problems) }
}

function partOf<T extends object>(path: string, given: T | undefined, problems: Problem[]): Partial<T> {
  const found: Problem[] = []
  const part = given === undefined ? {} : optionsObject(given, found)
  problems.push(...found.map(({ message }) => ({ path, message })))
  return part
}

function checkNames(path: string, given: object, known: readonly string[], problems: Problem[]): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    problems.push({
      path: `${path}${name}`,
      message: `is not an option of failover; ${hintFor(name, known, 'options')}`,
    })
  }
}

function durationOf(path: string, given: unknown, problems: Problem[]): number {
  const ms = toMilliseconds(given)
  if (ms !== undefined && ms <= LONGEST) return ms
  problems.push({ path, message: `must be ${DURATION_HINT}, at most 24 days, not ${String(given)}` })
  return 1
}
