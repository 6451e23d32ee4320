import { LIMIT } from './contender'
import type { Contender, Run } from './contender'

/** The raw limits: what a count per subject costs where nothing expires and nothing else is kept. */
export const references: readonly Contender[] = [
  reference('Map, string keys', () => countInMap(String)),
  reference('Map, number keys', () => countInMap(Number)),
  reference('open addressing, typed arrays', countInTypedArrays),
]

/** Does nothing: the machine's own longest stall. */
export const nothing: Contender = reference('nothing', () => () => 0)

function reference(name: string, create: Contender['create']): Contender {
  return { name, kind: 'reference', forgetsWithin: (window) => window, create }
}

function countInMap<Key>(keyOf: (id: number) => Key): Run {
  const hits = new Map<Key, number>()
  return (ids) => {
    let passed = 0
    for (const id of ids) {
      const key = keyOf(id)
      const count = (hits.get(key) ?? 0) + 1
      hits.set(key, count)
      if (count <= LIMIT) passed++
    }
    return passed
  }
}

function countInTypedArrays(): Run {
  const slots = 2 ** 21
  const keys = new Float64Array(slots)
  const counts = new Float64Array(slots)
  return (ids) => {
    let passed = 0
    for (const id of ids) {
      let slot = Math.imul((id % 4294967296) | 0, 0x9e3779b1) >>> 11
      while (keys[slot] !== 0 && keys[slot] !== id) slot = (slot + 1) & (slots - 1)
      keys[slot] = id
      if (++counts[slot] <= LIMIT) passed++
    }
    return passed
  }
}
