/** Names of records in Redis. A key may be any string; braces are for keys of the packed subjects alone. */

/** What has no bytes in UTF-8 (a surrogate alone), and what means something to us or a Cluster. */
const SPECIAL = /[|{}]|\p{Surrogate}/gu
const ESCAPED = /\|([0-9a-f]{4})/g

export function encodeKey(key: string): string {
  return key.replace(SPECIAL, (unit) => `|${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

export function decodeKey(name: string): string {
  return name.replace(ESCAPED, (_escaped, unit: string) => String.fromCharCode(parseInt(unit, 16)))
}

/** Whether a name in Redis is that of a record. */
export function isEncodedKey(name: string): boolean {
  return !/[{}]/.test(name)
}

/** A pattern that matches just this text. */
export function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\^-]/g, '\\$&')
}
