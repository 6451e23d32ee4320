/** What the options of all stores have in common. */
import type { Problem } from '../errors'

/** The options, for those who write JavaScript too: what is no object counts as none, with a problem beside it. */
export function optionsObject<T extends object>(options: T, problems: Problem[]): Partial<T> {
  const given: unknown = options
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return options
  problems.push({ path: 'options', message: `must be an object, not ${kindOf(given)}` })
  return {}
}

/** Not the value itself: it may be a URL with a password. */
function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

/** Notes it where an option is no whole number from 1 to `most`. */
export function checkCount(path: string, value: unknown, most: number, problems: Problem[]): void {
  if (Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most) return
  const wanted = most === Number.MAX_SAFE_INTEGER ? 'a positive integer' : `an integer from 1 to ${most}`
  problems.push({ path, message: `must be ${wanted}, not ${String(value)}` })
}
