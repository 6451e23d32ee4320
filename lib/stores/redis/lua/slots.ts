/**
 * Fields of Lua tables as slots of arrays. A batch makes a table per subject, state and check, and in Lua an array of known
 * size costs a third of a table with names; yet names are what one can read. So the sources have names, and the scripts slots.
 */
const SUBJECT = [
  ...['expires', 'states', 'marks', 'marksFrom', 'added', 'marksBefore', 'horizon', 'changed', 'raw', 'has'],
  ...['userEnd', 'registeredSince', 'registeredRest'],
]
const NUMBERS = ['kind', 'bucket', 'ends', 'at', 'a', 'b', 'c']
/** `oldest`: the first of its times. */
const LOG = ['kind', 'bucket', 'ends', 'at', 'units', 'source', 'from', 'kept', 'tail', 'oldest']
/** Those from `algorithm` on are as a batch has them. */
const CHECK = [
  ...['scale', 'interval', 'capacity', 'wait', 'remaining', 'resetAfter', 'open', 'closed', 'afterCounting'],
  ...['algorithm', 'countRefused', 'shadow', 'notice', 'id', 'limit', 'window', 'burst', 'cost', 'blockFor'],
  ...['noticeMark', 'block', 'next'],
]

const SLOTS = new Map(
  [SUBJECT, NUMBERS, LOG, CHECK].flatMap((names) => names.map((name, n) => [name, n + 1] as const)),
)

/** Turns `state.units` into `state[5]`; what has no slot stays a name. */
export function slotted(source: string): string {
  return source.replace(/\b(s|c|state|actor|held|copy)\.(\w+)\b/g, (field, table: string, name: string) => {
    const slot = SLOTS.get(name)
    return slot === undefined ? field : `${table}[${slot}]`
  })
}

/** Where a field is, for Lua that chooses among fields. */
export function slotOf(name: string): number | undefined {
  return SLOTS.get(name)
}
