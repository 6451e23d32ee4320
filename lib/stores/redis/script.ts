/** The scripts, put together of their parts. Nothing of a request is ever part of one. */
import { scriptOf } from './connection'
import type { Script } from './connection'
import { BATCH } from './lua/batch'
import { DECIDE } from './lua/decide'
import { HEAD } from './lua/head'
import { JUDGE } from './lua/judge'
import { KERNELS } from './lua/kernels'
import { MARKS } from './lua/marks'
import { BUCKETS, MEMBERS, RECORDS } from './lua/records'
import { slotted } from './lua/slots'
import { READ_SUBJECT } from './lua/subject'
import { TENTATIVELY } from './lua/tentative'
import { WINDOWS } from './lua/windows'
import { TIGHTEN, WRITE_SUBJECT } from './lua/write'

/**
 * Each part is a function inside the one before it. A script runs from its first line for every call, and most of what a lone
 * decision costs is that functions are made which refer to what stands before them: to what an outer function has, they
 * do so at no cost.
 */
function script(...parts: readonly string[]): Script {
  const source = parts.reduceRight((inner, outer) => `${outer}\nreturn (function()\n${inner}\nend)()\n`)
  return scriptOf(slotted(source))
}

/** Decides, looks at and takes back: many requests in one call. */
export const DECISIONS = script(
  HEAD,
  READ_SUBJECT,
  WRITE_SUBJECT,
  KERNELS + WINDOWS,
  MARKS,
  JUDGE,
  DECIDE + TENTATIVELY,
  BATCH,
)

/** Finds, writes and drops users' records. */
export const USER_RECORDS = script(HEAD, READ_SUBJECT, WRITE_SUBJECT, TIGHTEN + RECORDS)

/** Takes single buckets out of subjects, and puts them into others. */
export const SUBJECT_BUCKETS = script(HEAD, READ_SUBJECT, WRITE_SUBJECT, BUCKETS)

/** Lists the users of some groups. */
export const GROUP_MEMBERS = scriptOf(MEMBERS)
