import { createSentinel, SentinelOptionsError, type SentinelOptions } from 'telegraf-sentinel'

/** The mistakes by path. */
export function mistakes(options: unknown): Record<string, string> {
  try {
    createSentinel(options as SentinelOptions)
  } catch (error) {
    if (!(error instanceof SentinelOptionsError)) throw error
    expect(error.code).toBe('SENTINEL_OPTIONS')
    for (const { path, message } of error.problems) {
      expect(error.message).toContain(path)
      expect(error.message).toContain(message)
    }
    return Object.fromEntries(error.problems.map(({ path, message }) => [path, message]))
  }
  return {}
}
