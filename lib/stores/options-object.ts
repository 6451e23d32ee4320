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
