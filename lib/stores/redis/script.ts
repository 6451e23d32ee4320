/** The scripts, put together of their parts. Nothing of a request is ever part of one. */
import { scriptOf } from './connection'
import type { Script } from './connection'
import { BATCH, BATCH_STATE } from './lua/batch'
import { HEAD } from './lua/head'
import { LIMITERS } from './lua/limiters'
import { MARKS } from './lua/marks'
import { BUCKETS, MEMBERS, RECORDS } from './lua/records'
import { slotted } from './lua/slots'
import { FIND_STATE, READ_SUBJECT } from './lua/subject'
import { TIGHTEN, WRITE_SUBJECT } from './lua/write'
import { featuresOf } from './wire'

function script(...parts: readonly string[]): Script {
  return scriptOf(slotted(parts.join('\n')))
}

const DECISIONS = [HEAD, READ_SUBJECT, FIND_STATE, WRITE_SUBJECT, BATCH_STATE, MARKS, LIMITERS, BATCH].join(
  '\n',
)
const decisionScripts = new Map<number, Script>()

/**
 * Decides, looks at and takes back: many requests in one call. A script runs from its first line for every call, and most of what
 * a lone decision costs is to make what the script has: so it has what these features need.
 */
export function decisionsWith(features: number): Script {
  let found = decisionScripts.get(features)
  if (found === undefined) {
    found = script(withFeatures(DECISIONS, featuresOf(features)))
    decisionScripts.set(features, found)
  }
  return found
}

/** Leaves out what stands between `--[feature` and its `--]`, unless it is one of these; and indents and comments. */
function withFeatures(source: string, features: readonly string[]): string {
  const kept: string[] = []
  /** Of each part that the line is in, whether it stays. */
  const inside: boolean[] = []
  for (const line of source.split('\n').map((each) => each.trim())) {
    if (line.startsWith('--[')) inside.push(features.includes(line.slice(3)))
    else if (line === '--]') inside.pop()
    else if (line !== '' && !line.startsWith('--') && !inside.includes(false)) kept.push(line)
  }
  return kept.join('\n')
}

/** Finds, writes and drops users' records. */
export const USER_RECORDS = script(HEAD, READ_SUBJECT, WRITE_SUBJECT, TIGHTEN, RECORDS)

/** Takes single buckets out of subjects, and puts them into others. */
export const SUBJECT_BUCKETS = script(HEAD, READ_SUBJECT, FIND_STATE, WRITE_SUBJECT, BUCKETS)

/** Lists the users of some groups. */
export const GROUP_MEMBERS = scriptOf(MEMBERS)
