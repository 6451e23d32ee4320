import { createHash } from 'node:crypto'

/** Longer parts are hashed, so that no input makes a key that a store cannot hold. */
const LONGEST_PART = 96

/**
 * Makes one part of a key of any string: only letters, digits, `_`, `-` and `.` stand as they are, any other UTF-16
 * unit becomes `%XXXX`. So no input reaches another key, and lone surrogates and `\u0000` are stored like the rest.
 */
export function escapePart(text: string): string {
  if (/^[\w.-]*$/.test(text) && text.length <= LONGEST_PART) return text
  const escaped = text.replace(/[^\w.-]/g, (unit) => '%' + unit.charCodeAt(0).toString(16).padStart(4, '0'))
  if (escaped.length <= LONGEST_PART) return escaped
  return '~' + createHash('sha256').update(escaped).digest('hex')
}

/** The text of an escaped part; a hashed one stays its hash. */
export function unescapePart(part: string): string {
  return part.replace(/%([0-9a-f]{4})/g, (_escaped, unit: string) => String.fromCharCode(parseInt(unit, 16)))
}

/** `prefix:bot`: what keeps bots that share a store apart. */
export function spaceOf(prefix: string, bot: string): string {
  return `${escapePart(prefix)}:${escapePart(bot)}`
}

/** `prefix:bot:namespace:bucket:subject`. `space` and `namespace` are ours; the others are escaped here. */
export function keyOf(space: string, namespace: string, bucket: string, subject: string | number): string {
  return `${space}:${namespace}:${escapePart(bucket)}:${typeof subject === 'number' ? subject : escapePart(subject)}`
}

/**
 * A 53-bit hash of a string: enough that two of one actor's fingerprints do not meet by chance.
 *
 * @see https://github.com/bryc/code/blob/master/jshash/experimental/cyrb53.js the mixing it follows
 */
export function hash53(text: string, seed = 0): number {
  let h1 = 0xdeadbeef ^ seed
  let h2 = 0x41c6ce57 ^ seed
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    h1 = Math.imul(h1 ^ unit, 2654435761)
    h2 = Math.imul(h2 ^ unit, 1597334677)
  }
  return finish(h1, h2)
}

/** The id of a limit's bucket: what stores know it by. Debounces of the same name have another. */
export function limitId(name: string): number {
  return hash53(name, 1)
}

/** The id of a debounce. */
export function debounceId(name: string): number {
  return hash53(name, 2)
}

/** Mixes two numbers (integers of up to 53 bits) into a 53-bit hash. */
export function mix53(a: number, b: number): number {
  let h1 = 0xdeadbeef
  let h2 = 0x41c6ce57
  for (const word of [a | 0, Math.floor(a / 4294967296) | 0, b | 0, Math.floor(b / 4294967296) | 0]) {
    h1 = Math.imul(h1 ^ word, 2654435761)
    h2 = Math.imul(h2 ^ word, 1597334677)
    h1 ^= h1 >>> 15
    h2 ^= h2 >>> 13
  }
  return finish(h1, h2)
}

function finish(first: number, second: number): number {
  let h1 = Math.imul(first ^ (first >>> 16), 2246822507)
  h1 ^= Math.imul(second ^ (second >>> 13), 3266489909)
  let h2 = Math.imul(second ^ (second >>> 16), 2246822507)
  h2 ^= Math.imul(h1 ^ (h1 >>> 13), 3266489909)
  return 4294967296 * (2097151 & h2) + (h1 >>> 0)
}
