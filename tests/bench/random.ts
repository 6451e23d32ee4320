/** The same random sequence in every process (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Distinct ids of the size that Telegram gives today: most do not fit into 32 bits. */
export function idsOf(count: number): Float64Array {
  const random = randomOf(count)
  const gap = Math.floor(7_900_000_000 / Math.max(count, 2))
  return Float64Array.from({ length: count }, (_, i) => 100_000_000 + i * gap + Math.floor(random() * gap))
}

/** Shuffles in place (Fisher-Yates). */
export function shuffle(ids: Float64Array, seed: number): Float64Array {
  const random = randomOf(seed)
  for (let i = ids.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swapped = ids[i]
    ids[i] = ids[j]
    ids[j] = swapped
  }
  return ids
}
