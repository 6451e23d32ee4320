import fc from 'fast-check'
import { escapePart, hash53, keyOf, mix53, spaceOf, unescapePart } from '../lib/keys'

const MANY = 200_000
const BITS = 53

/** Repeatable 32-bit numbers: a Weyl sequence, scrambled. */
function* numbers(): Generator<number, never> {
  for (let i = 1; ; i++) {
    let x = Math.imul(i, 0x9e3779b9)
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
    yield (x ^ (x >>> 15)) >>> 0
  }
}

const random = numbers()
const next = (): number => random.next().value
const next53 = (): number => (next() & 0x1fffff) * 2 ** 32 + next()
const many = <T>(make: (i: number) => T): T[] => Array.from({ length: MANY }, (_, i) => make(i))

function randomText(): string {
  const length = 1 + (next() % 24)
  return next53() + String.fromCharCode(...Array.from({ length }, () => next() & 0xffff))
}

function bitsOf(hash: number): number[] {
  return Array.from({ length: BITS }, (_, bit) => Math.floor(hash / 2 ** bit) % 2)
}

/** How often each bit of the hashes is set, as a share. */
function shares(rows: readonly number[][]): number[] {
  return Array.from({ length: BITS }, (_, bit) => rows.reduce((sum, row) => sum + row[bit], 0) / rows.length)
}

function differing(a: number, b: number): number[] {
  const other = bitsOf(b)
  return bitsOf(a).map((bit, i) => bit ^ other[i])
}

function expectAll53Bits(hashes: readonly number[]): void {
  for (const hash of hashes) {
    if (!Number.isSafeInteger(hash) || hash < 0) throw new Error(`${hash} is no 53-bit number`)
  }
  for (const share of shares(hashes.slice(0, 20_000).map(bitsOf))) {
    expect(share).toBeGreaterThan(0.47)
    expect(share).toBeLessThan(0.53)
  }
}

/** By chance, 200,000 hashes of 53 bits meet once in 450,000 runs. */
describe.each<[string, () => number[]]>([
  ['hash53 of sequential strings', () => many((i) => hash53(`user:${i}`))],
  ['hash53 of short strings', () => many((i) => hash53(i.toString(36)))],
  ['hash53 of long strings that differ at the start', () => many((i) => hash53(i + 'x'.repeat(20)))],
  ['hash53 of random strings', () => many(() => hash53(randomText()))],
  ['hash53 of strings of one text with other seeds', () => many((i) => hash53('bucket', i))],
  ['mix53 of sequential pairs', () => many((i) => mix53(Math.floor(i / 450), i % 450))],
  ['mix53 of one id and hashes', () => many((i) => mix53(hash53('Shop.buy'), hash53(`text:${i}`)))],
  ['mix53 of numbers above 2^32', () => many((i) => mix53(i * 2 ** 33, 2 ** 52 - i))],
  ['mix53 of random pairs', () => many(() => mix53(next53(), next53()))],
])('%s', (_what, make) => {
  const hashes = make()

  it('never meet', () => {
    expect(new Set(hashes).size).toBe(MANY)
  })

  it('use all 53 bits', () => {
    expectAll53Bits(hashes)
  })
})

describe('one flipped bit', () => {
  function expectAvalanche(flips: readonly number[][]): void {
    const mean = flips.reduce((sum, row) => sum + row.filter(Boolean).length, 0) / flips.length
    expect(mean).toBeGreaterThan(BITS * 0.48)
    expect(mean).toBeLessThan(BITS * 0.52)
    for (const share of shares(flips)) {
      expect(share).toBeGreaterThan(0.4)
      expect(share).toBeLessThan(0.6)
    }
  }

  it.each([0, 5, 11])("of character %i changes about half of hash53's bits", (place) => {
    const flips = Array.from({ length: 10_000 }, () => {
      const text = String(1e11 + (next53() % 9e11))
      const flipped = text.charCodeAt(place) ^ (1 << (next() % 16))
      const other = text.slice(0, place) + String.fromCharCode(flipped) + text.slice(place + 1)
      return differing(hash53(text), hash53(other))
    })
    expectAvalanche(flips)
  })

  it.each([0, 1])("of number %i changes about half of mix53's bits", (place) => {
    const flips = Array.from({ length: 10_000 }, () => {
      const pair: [number, number] = [next53(), next53()]
      const hash = mix53(...pair)
      const bit = 2 ** (next() % BITS)
      pair[place] += Math.floor(pair[place] / bit) % 2 === 0 ? bit : -bit
      return differing(hash, mix53(...pair))
    })
    expectAvalanche(flips)
  })

  it('of the order: mix53 tells its numbers apart', () => {
    expect(mix53(1, 2)).not.toBe(mix53(2, 1))
    expect(mix53(0, 1)).not.toBe(mix53(2 ** 32, 1))
    expect(mix53(-1, 1)).not.toBe(mix53(1, 1))
  })
})

/** Any UTF-16 at all, and what a key is made of: an author's, or an attacker's, way into somebody else's. */
const unit = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  fc.constantFrom(':', '%', '~', '.', '-', '_', '*', '\u0000', '\ud800', '\udfff', '0', '4', 'a', 'é', '😀'),
  fc.constantFrom('%003a', '%0000', '%25', '~'.padEnd(65, 'a'), 'limits', 'blocks', '__proto__'),
)
const hostile = fc.oneof(
  fc.array(unit, { maxLength: 12 }).map((units) => units.join('')),
  fc.array(unit, { minLength: 40, maxLength: 400 }).map((units) => units.join('')),
)

describe('escapePart', () => {
  it('leaves only characters that mean nothing in a key, and never more than a store can hold', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(escapePart(text)).toMatch(/^(~[0-9a-f]{64}|([\w.-]|%[0-9a-f]{4})*)$/)
        expect(escapePart(text).length).toBeLessThanOrEqual(96)
      }),
      { numRuns: 2000 },
    )
  })

  it('is undone by unescapePart, unless it had to hash', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const part = escapePart(text)
        if (part.startsWith('~')) expect(unescapePart(part)).toBe(part)
        else expect(unescapePart(part)).toBe(text)
      }),
      { numRuns: 2000 },
    )
  })

  it.each(['', '\ud800', '\udc00\ud800', '\u0000', '%', '%0041', ':', '~', '😀', 'a b'])(
    'keeps %j',
    (text) => {
      expect(unescapePart(escapePart(text))).toBe(text)
    },
  )

  it('hashes from 97 characters on', () => {
    expect(escapePart('a'.repeat(96))).toBe('a'.repeat(96))
    expect(escapePart('a'.repeat(97))).toMatch(/^~[0-9a-f]{64}$/)
    expect(escapePart(':'.repeat(19))).toHaveLength(95)
    expect(escapePart(':'.repeat(20))).toMatch(/^~[0-9a-f]{64}$/)
  })

  it('never makes one part of two strings', () => {
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        expect(escapePart(a) === escapePart(b)).toBe(a === b)
        // Nor does its own output, hashed or not, lead back to it.
        const again = escapePart(escapePart(a))
        expect(again === escapePart(a)).toBe(/^[\w.-]*$/.test(a) && a.length <= 96)
      }),
      { numRuns: 2000 },
    )
  })

  it('tells long strings apart that differ in one unit, lone surrogates too', () => {
    const long = 'x'.repeat(300)
    const tails = ['', 'x', '\ud800', '\ud801', '\udc00', '\ufffd', '\u0000', '%d800']
    expect(new Set(tails.map((tail) => escapePart(long + tail))).size).toBe(tails.length)
  })
})

describe('keyOf', () => {
  const namespaces = fc.constantFrom('limits', 'blocks', 'users', 'marks')
  const subject = fc.oneof(hostile, fc.maxSafeInteger())
  const address = fc.tuple(hostile, hostile, namespaces, hostile, subject)
  type Address = [string, string, string, string, string | number]
  const keyAt = ([prefix, bot, ...rest]: Address) => keyOf(spaceOf(prefix, bot), ...rest)

  it('has five parts, whatever they are made of', () => {
    fc.assert(
      fc.property(address, (where) => {
        const parts = keyAt(where).split(':')
        expect(parts).toHaveLength(5)
        expect(parts[2]).toBe(where[2])
      }),
      { numRuns: 2000 },
    )
  })

  it('is one only for one prefix, bot, namespace, bucket and subject', () => {
    /** The same address with some of its parts replaced: near misses are what matters. */
    const pairs = fc
      .tuple(address, address, fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }))
      .map(([a, b, same]) => [a, a.map((part, i) => (same[i] ? part : b[i])) as Address] as const)
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        expect(keyAt(a) === keyAt(b)).toBe(a.every((part, i) => String(part) === String(b[i])))
      }),
      { numRuns: 2000 },
    )
  })

  it('is not fooled by a part that spells out a key', () => {
    const own = keyOf(spaceOf('s', '1'), 'limits', 'a', 'b')
    expect(own).toBe('s:1:limits:a:b')
    expect(keyOf(spaceOf('s', '1:limits'), 'limits', 'a', 'b')).not.toContain('1:limits:limits')
    expect(keyOf(spaceOf('s', '1'), 'limits', 'a:b', '')).not.toContain('a:b')
    expect(keyOf(spaceOf('s', '1'), 'limits', 'x', -100)).toBe('s:1:limits:x:-100')
  })
})
