/** How names and texts are written into SQL. */

/** A name as SQL takes it, whatever it contains. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A list as PostgreSQL reads arrays of numbers: one text, which every client can send. */
export function numberArray(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`
}

/** A list as PostgreSQL reads arrays of texts. */
export function textArray(texts: readonly string[]): string {
  return `{${texts.map((text) => (PLAIN.test(text) ? text : quoted(text))).join(',')}}`
}

/** What may stand in an array without quotes; a bare NULL would be none. */
const PLAIN = /^(?!null$)[\w:.%~-]+$/i

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
