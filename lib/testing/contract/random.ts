/** A small seeded generator, so that a failure can be repeated. */
export interface Random {
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number
  pick<T>(choices: readonly T[]): T
  /** True once in `times`. */
  once(times: number): boolean
}

/** @see https://github.com/bryc/code/blob/master/jshash/PRNGs.md mulberry32 */
export function randomOf(seed: number): Random {
  let state = seed | 0
  const below = (most: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * most)
  }
  return {
    below,
    pick: (choices) => choices[below(choices.length)],
    once: (times) => below(times) === 0,
  }
}
