/** The options of `migrateStore`, checked. */
import { z } from 'zod/v3'
import { SentinelOptionsError } from '../errors'
import { spaceOf } from '../keys'
import { check, must } from '../schema'
import { positionOf, START, type Position, type Spaces } from './migrate-token'
import type { UserNamespace } from './user-record'

/** How far a migration is, after each page. */
export interface MigrateProgress {
  readonly namespace: UserNamespace
  /** Records of this namespace that are copied by now. */
  readonly copied: number
  /** How many the source has; only with `count`. */
  readonly total?: number
  /** Whoever keeps it can go on from here: `resumeFrom`. */
  readonly token: string
}

/** Options of `migrateStore`. */
export interface MigrateOptions {
  /** First segment of the keys in both stores. Default `'sentinel'`, as in `createSentinel`. */
  readonly prefix?: string
  /** Second segment of the keys in both stores. Default `'main'`. */
  readonly bot?: string
  /** The prefix in the target, if it is to be another one. */
  readonly toPrefix?: string
  /** The bot in the target, if it is to be called otherwise. */
  readonly toBot?: string
  /** Told after each page. */
  readonly onProgress?: (progress: MigrateProgress) => void
  /** Records that are read and written together. Default 1000. */
  readonly page?: number
  /**
   * The last token of a run that was interrupted: copying goes on behind it. It is good for the same two stores, as long
   * as the source's cursors are: those of Redis and PostgreSQL outlive a restart, a MemoryStore's end with its process.
   */
  readonly resumeFrom?: string
  /** Count the source's records first, so that progress knows the total: each is read twice then. Default `false`. */
  readonly count?: boolean
  /** Stops behind the page that is under way. */
  readonly signal?: AbortSignal
}

/** The options, with defaults. */
export interface Migration {
  readonly spaces: Spaces
  readonly start: Position
  readonly page: number
  readonly count: boolean
  readonly onProgress: (progress: MigrateProgress) => void
  readonly signal: AbortSignal | undefined
}

const text = must((value) => typeof value === 'string' && value !== '', 'a non-empty string').optional()
const optionsSchema = z.strictObject({
  prefix: text,
  bot: text,
  toPrefix: text,
  toBot: text,
  onProgress: must((value) => typeof value === 'function', 'a function (progress) => void').optional(),
  page: must(
    (value) => Number.isSafeInteger(value) && (value as number) > 0,
    'a positive integer',
  ).optional(),
  resumeFrom: text,
  count: must((value) => typeof value === 'boolean', 'true or false').optional(),
  signal: must(
    (value) => typeof (value as AbortSignal | null)?.throwIfAborted === 'function',
    'an AbortSignal',
  ).optional(),
})

/** @throws SentinelOptionsError with every mistake */
export function readMigration(options: MigrateOptions): Migration {
  const { problems } = check(optionsSchema, options, '')
  if (problems.length > 0) throw new SentinelOptionsError(problems)
  const { prefix = 'sentinel', bot = 'main', toPrefix = prefix, toBot = bot } = options
  const spaces: Spaces = [spaceOf(prefix, bot), spaceOf(toPrefix, toBot)]
  const start = options.resumeFrom === undefined ? START : positionOf(options.resumeFrom, spaces)
  if (typeof start === 'string') throw new SentinelOptionsError([{ path: 'resumeFrom', message: start }])
  const { page = 1_000, count = false, onProgress = () => undefined, signal } = options
  return { spaces, start, page, count, onProgress, signal }
}
