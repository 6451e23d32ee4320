import { types } from 'node:util'

/*
 * SentinelError                 everything this package throws; `code` is stable, messages may be reworded
 * ├─ SentinelOptionsError       options, decorators, controllers: lists every mistake at once
 * ├─ SentinelUsageError         a call that cannot be carried out: unknown limit name, missing id, bad duration
 * └─ StoreError                 the store did not answer as it should
 *    ├─ StoreTimeoutError       … within `storeTimeout`
 *    ├─ OverloadError           … because too much waits for it already
 *    └─ LimiterError            … because a user's own limiter failed
 */

/** The `code` of each error that this package throws. */
export type ErrorCode =
  | 'SENTINEL_OPTIONS'
  | 'SENTINEL_USAGE'
  | 'SENTINEL_STORE'
  | 'SENTINEL_STORE_TIMEOUT'
  | 'SENTINEL_OVERLOAD'
  | 'SENTINEL_LIMITER'

/** Base of all errors of this package. */
export class SentinelError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.name = new.target.name
  }
}

/** One mistake: where it stands and what would be right. */
export interface Problem {
  /** `rateLimit.window`, `Shop.buy`, … */
  readonly path: string
  readonly message: string
}

/** Bad options, bad decorator arguments, impossible controllers. `problems` has every mistake that was found. */
export class SentinelOptionsError extends SentinelError {
  constructor(readonly problems: readonly Problem[]) {
    super(
      'SENTINEL_OPTIONS',
      problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('\n'),
    )
  }
}

/** A call that cannot be carried out as it was made. */
export class SentinelUsageError extends SentinelError {
  constructor(message: string) {
    super('SENTINEL_USAGE', message)
  }
}

/** The store failed; `cause` is what it threw. */
export class StoreError extends SentinelError {
  constructor(message: string, options?: { cause?: unknown; code?: ErrorCode }) {
    super(options?.code ?? 'SENTINEL_STORE', message, options)
  }
}

/** The store (or `registration.resolve`) took longer than `storeTimeout`. */
export class StoreTimeoutError extends StoreError {
  constructor(
    /** ms */
    readonly timeout: number,
    /** Whose bound that is. */
    bound = 'storeTimeout',
  ) {
    super(`no answer within ${bound} (${timeout} ms)`, { code: 'SENTINEL_STORE_TIMEOUT' })
  }
}

/** Too much waits already: it was not even begun. */
export class OverloadError extends StoreError {
  constructor(
    message: string,
    /** As many may wait. */
    readonly bound?: number,
  ) {
    super(message, { code: 'SENTINEL_OVERLOAD' })
  }
}

/** A user's own limiter threw, or returned what it must not; nothing was decided. `cause` is what it threw. */
export class LimiterError extends StoreError {
  constructor(
    readonly bucket: string,
    message: string,
    cause?: unknown,
  ) {
    super(message, { code: 'SENTINEL_LIMITER', cause })
  }
}

/** Any thrown value as an Error; one of another realm (a vm, a test runner's) counts too. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error || types.isNativeError(thrown)) return thrown
  return new Error(textOf(thrown), { cause: thrown })
}

/** Anything can be thrown, things that cannot be made a text among them. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown)
  } catch {
    return `a thrown ${typeof thrown} that cannot be shown`
  }
}

/** The code of whatever was thrown: by it, not by its class, an error of another copy of this package is known. */
export function codeOf(thrown: unknown): unknown {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined
}
