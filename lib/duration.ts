import ms from 'ms'

/** Milliseconds, or a text such as `'250ms'`, `'10s'`, `'1m'`, `'2h'`, `'7d'`. */
export type Duration = number | string

/** What a duration looks like, for error messages. */
export const DURATION_HINT =
  "a positive number of milliseconds or a text such as '250ms', '10s', '1m', '2h', '7d'"

/**
 * A duration in whole milliseconds (rounded up), or `undefined` if it is none: zero, negative, endless, or a text
 * without a unit.
 */
export function toMilliseconds(duration: unknown): number | undefined {
  const value = typeof duration === 'string' ? parse(duration) : duration
  if (typeof value !== 'number' || !(value > 0) || value > Number.MAX_SAFE_INTEGER) return undefined
  return Math.ceil(value)
}

function parse(text: string): number | undefined {
  // A bare '500' is ambiguous (ms? s?), so a text must name its unit.
  if (text.length > 100 || !/[a-z]\s*$/i.test(text)) return undefined
  return ms(text as ms.StringValue)
}
