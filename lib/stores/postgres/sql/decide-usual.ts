/**
 * The usual request, decided by the executor rather than in PL/pgSQL, all of a batch at once: one that nothing refuses, by sliding
 * windows, in one place that no other request of the batch touches. What turns out to be anything else is left as it was, and is
 * judged like the rest; so nothing here knows how to refuse.
 */
import {
  BELOW_SECTIONS,
  FOREVER,
  KINDS,
  MARK,
  NEVER,
  SECTION,
  SEPARATOR,
  USUAL,
  USUAL_ANSWER,
  usualFields,
} from './decide-format'
import type { UsualShape } from './decide-format'
import { MINUTE } from './decide-rows'

/** Texts of one limit or mark, for each. */
function each(count: number, text: (i: number) => string, between = ''): string {
  return Array.from({ length: count }, (_, i) => text(i + 1)).join(between)
}

/** Where the section of the limit `i` starts; after the end, if there is none. */
const start = (i: number): string =>
  `coalesce(array_position(st, ${SECTION} - nullif(id${i}, 0)), cardinality(st) + 1) AS z${i}`

/** Where it ends; before its start, if there is none. */
const end = (i: number): string => `coalesce(z${i} + 3 + st[z${i}+3], z${i} - 1) AS hi${i}`

/** Where the last of its pairs that has left the window ends: mostly none has, or all have. */
const gone = (i: number): string => `
          CASE WHEN hi${i} < z${i} OR st[z${i}+5] > t - window${i} THEN z${i} + 4
            WHEN st[hi${i}-1] <= t - window${i} THEN hi${i}
            ELSE z${i} + 4 + (SELECT 2 * count(*) FROM generate_series(z${i}+5, hi${i}-1, 2) AS at WHERE st[at] <= t - window${i})
          END AS g${i}`

/** Units in the window, and those that were ever dropped from the log. */
const units = (i: number): string => `coalesce(st[hi${i}] - st[g${i}], 0)`
const dropped = (i: number): string => `coalesce(st[g${i}], 0)`

const passes = (i: number): string => `
          AND (id${i} = 0 OR u${i} <= room${i} AND (hi${i} < z${i} OR st[z${i}+1] = 1 AND hi${i} > z${i} + 4 AND st[hi${i}-1] < t))`

const section = (i: number): string => `
          || CASE WHEN id${i} > 0 THEN ARRAY[${SECTION} - id${i}, 1, late + window${i}, 3 + greatest(0, hi${i} - g${i}), d${i}]
            || st[g${i}+1:hi${i}] || ARRAY[t, d${i} + u${i} + cost${i}] END`

const mark = (i: number): string => ` || CASE WHEN m${i} > 0 THEN ARRAY[${MARK} - m${i}, t + w${i}] END`

const unmarked = (i: number): string => `
            AND coalesce(st[array_position(st, ${MARK} - m${i}) + 1], ${NEVER}) <= t`

/** A mark goes in front; so the one that was there, unless it still matters, makes room for it. */
const FIRST_KEPT = `CASE WHEN st[2] < ${BELOW_SECTIONS} AND st[3] <= horizon THEN 4 ELSE 2 END`

/** What is in a row between its head and its end, but for the sections that change, in whichever order they are. */
function untouched(limits: number): string {
  const list = (of: string): string => each(limits, (i) => of + i, ', ')
  const middle = (of: string): string =>
    `(${each(3, (i) => of + i, ' + ')} - least(${list(of)}) - greatest(${list(of)}))`
  const starts = [`least(${list('z')})`, ...(limits > 2 ? [middle('z')] : []), `greatest(${list('z')})`]
  const ends = [`least(${list('hi')})`, ...(limits > 2 ? [middle('hi')] : []), `greatest(${list('hi')})`]
  return [FIRST_KEPT, ...ends.map((at) => `${at}+1`)]
    .map((from, i) => `st[${from}:${i < limits ? `${starts[i]}-1` : ''}]`)
    .join(' || ')
}

/**
 * Locks the rows of all places, in the order of their keys, and decides what is usual: `decided` gets, for each such request, its
 * number, since when its actor is registered, and what remains of its limits. A row that had to be waited for is another
 * version by then, which this statement does not see: that request is left to those that are judged one by one.
 */
export function decideUsual(shape: UsualShape, counters: string, records: string, tidy: string): string {
  const { marks, limits } = shape
  const names = usualFields(shape)
  const field = (name: string): string => `usual[n*${names.length}-${names.length - 1 - names.indexOf(name)}]`
  // No index is searched for nobody.
  const userIf = (look: number): string =>
    `CASE WHEN ${field('look')} & ${look} > 0 THEN ${field('user')} END`
  const list = (of: string): string => each(limits, (i) => of + i, ', ')
  // Looked up one by one (LATERAL, LIMIT): a plan that is made while the tables are empty would else go through all of them.
  return `
  WITH done AS (
    UPDATE ${counters} AS c
      SET state = CASE WHEN cardinality(x.st) > x.st[1] THEN ${tidy}(x.st, horizon, clock) ELSE x.st END,
        expires = greatest(c.expires, x.expires)
      FROM (
        SELECT tid, q, since, content, late + keep + ${MINUTE} AS expires,
          ${each(limits, (i) => `room${i} - u${i} AS left${i}`, ', ')},
          allowed${each(limits, passes)} AS ok,
          ARRAY[st[1]]${each(marks, mark)} || ${untouched(limits)}${each(limits, section)} AS st
        FROM (
        SELECT *, ${each(limits, (i) => `${units(i)} AS u${i}, ${dropped(i)} AS d${i}`, ', ')} FROM (
        SELECT *, ${each(limits, gone, ',')} FROM (
        SELECT *, ${each(limits, end, ', ')} FROM (
        SELECT *, q > 0 AND known_user${each(marks, unmarked)} AS allowed,
          ${each(limits, start, ',\n          ')}
        FROM (
        SELECT l.tid, l.st, r.since, r.content, ${names
          .filter((name) => name !== 'space' && name !== 'user' && name !== 'look')
          .map((name) => `${field(name)} AS ${name}`)
          .join(', ')},
          (b.kind IS NULL OR coalesce(b.until, ${FOREVER}) <= t)
            AND (${field('look')} & ${USUAL.required} = 0 OR r.kind IS NOT NULL) AS known_user
        FROM (
          SELECT w.n, c.ctid AS tid, c.state AS st
            FROM unnest(places) WITH ORDINALITY AS w (key, n) JOIN ${counters} AS c ON c.key = w.key
            ORDER BY w.n FOR UPDATE OF c
        ) AS l
          LEFT JOIN LATERAL (
            SELECT kind, until FROM ${records}
              WHERE space = spaces[${field('space')}] AND user_id = ${userIf(USUAL.block)} AND kind = ${KINDS.blocks} LIMIT 1
          ) AS b ON true
          LEFT JOIN LATERAL (
            SELECT kind, since, content FROM ${records}
              WHERE space = spaces[${field('space')}] AND user_id = ${userIf(USUAL.registration)} AND kind = ${KINDS.registrations} LIMIT 1
          ) AS r ON true
        OFFSET 0) AS x5 OFFSET 0) AS x4 OFFSET 0) AS x3 OFFSET 0) AS x2 OFFSET 0) AS x1 OFFSET 0
      ) AS x
      WHERE c.ctid = x.tid AND x.ok
      RETURNING x.q, x.since, x.content, ${each(limits, (i) => `x.left${i}`, ', ')}
  )
  SELECT array_agg(ARRAY[q, coalesce(since, ${NEVER}), ${list('left')}]), coalesce(string_agg(content, '${SEPARATOR}'), '')
    INTO decided, known FROM done;
  size := ${names.length};
  complete := cardinality(decided) = asking * ${USUAL_ANSWER + limits};`
}
