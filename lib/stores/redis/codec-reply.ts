/** What the script replies, as decisions. */
import { StoreError } from '../../errors'
import type {
  Block,
  DebounceCheck,
  Decision,
  DecisionRequest,
  LimitCheck,
  LimitState,
  Registration,
} from '../decision'
import { finite, unasked } from '../judge'
import { ByteReader } from './codec-bytes'
import type { BatchOp } from './codec-request'
import type { Reply } from './connection'
import { homeOf } from './keys'
import type { ForeignOutcome, SetMark, Tentative, Undo } from './ops'
import { NOT_REGISTERED, REASONS, STATUS } from './wire'

/** What becomes of each operation: of a refund nothing, of a peek the limit's state. */
export type Answer = Decision | Tentative | LimitState | undefined

const NOTHING_SHADOWED: Decision['shadowed'] = []

/** A reply of the script: an answer per operation, or why there is none. */
export function decodeReply(
  reply: Buffer,
  ops: readonly BatchOp[],
  keys: readonly string[],
): (Answer | Error)[] {
  const reader = new ByteReader(reply)
  const serverNow = reader.double()
  return ops.map((op) => {
    const status = reader.byte()
    if (status === STATUS.broken) return unreadable(keys[reader.int()])
    if (op.kind === 'refund') return undefined
    const { request } = op
    const now = request.now ?? serverNow
    const decision = decisionOf(status, reader, request, now)
    if (op.kind === 'peek') return decision.limits[0]
    return op.kind === 'decide' ? decision : tentativeFrom(reader, decision, request)
  })
}

/** The bytes that a script replies. */
export function replyOf(reply: Reply): Buffer {
  if (Buffer.isBuffer(reply)) return reply
  throw new StoreError(
    `the script replied ${String(reply)} instead of bytes: is something between us and Redis?`,
  )
}

/** For a key whose string no version of this package has written. */
export function unreadable(key: string): StoreError {
  return new StoreError(
    `the Redis key '${key}' holds something that telegraf-sentinel has not written; delete it, or use another prefix`,
  )
}

function decisionOf(status: number, reader: ByteReader, request: DecisionRequest, now: number): Decision {
  if (status === STATUS.unasked) return unasked(now)
  return status === STATUS.passed ? passedFrom(reader, request, now) : decisionFrom(reader, request, now)
}

function passedFrom(reader: ByteReader, { actor, limits }: DecisionRequest, now: number): Decision {
  const since = reader.double()
  return {
    now,
    reason: undefined,
    name: undefined,
    retryAfter: undefined,
    limits: statesFrom(reader, limits),
    shadowed: NOTHING_SHADOWED,
    notice: false,
    blockAdded: undefined,
    registration: since === NOT_REGISTERED ? undefined : { userId: actor ?? 0, since },
    unasked: false,
  }
}

function statesFrom(reader: ByteReader, limits: readonly LimitCheck[]): LimitState[] {
  const states = new Array<LimitState>(limits.length)
  for (let i = 0; i < limits.length; i++) {
    const { bucket, rule } = limits[i]
    states[i] = { name: bucket, limit: rule.limit, remaining: reader.double(), resetAfter: reader.double() }
  }
  return states
}

function decisionFrom(reader: ByteReader, request: DecisionRequest, now: number): Decision {
  const { debounces, limits } = request
  const reason = reader.byte()
  const by = reader.short()
  const wait = reader.double()
  const notice = reader.byte() === 1
  const blockedBy = reader.short()
  const shadows = reader.short()
  const since = reader.double()
  const restLength = reader.int()
  const states = statesFrom(reader, limits)
  const rest = restLength === 0 ? '' : reader.take(restLength)
  return {
    now,
    reason: reason === 0 ? undefined : REASONS[reason - 1],
    name: by === 0 ? undefined : checkAt(debounces, limits, by - 1).bucket,
    retryAfter: reason === 0 ? undefined : finite(wait),
    limits: states,
    shadowed: shadows === 0 ? NOTHING_SHADOWED : shadowedFrom(reader, limits, shadows),
    notice,
    blockAdded: blockedBy === 0 ? undefined : blockOf(request, limits[blockedBy - 1], now),
    registration: since === NOT_REGISTERED ? undefined : registrationOf(request.actor ?? 0, since, rest),
    unasked: false,
  }
}

function tentativeFrom(reader: ByteReader, decision: Decision, request: DecisionRequest): Tentative {
  const { debounces, limits } = request
  const outcomes: ForeignOutcome[] = []
  for (let i = 0; i < debounces.length + limits.length; i++) {
    const [open, closed, wait] = [reader.double(), reader.double(), reader.double()]
    outcomes.push({ open, closed, wait, remaining: reader.double(), resetAfter: reader.double() })
  }
  const [charges, marks] = [reader.short(), reader.short()]
  const passed = decision.reason === undefined && !decision.unasked
  const undo: Undo = {
    when: decision.now,
    charged: Array.from({ length: charges }, () => {
      return { index: reader.short(), before: reader.buffer(), after: reader.buffer() }
    }),
    marks: Array.from({ length: marks }, () => markFrom(reader, request)),
  }
  return { decision, outcomes, undo: passed ? undo : undefined }
}

function markFrom(reader: ByteReader, request: DecisionRequest): SetMark {
  const by = reader.short()
  const { scope, key } = by === 0 ? homeOf(request) : checkAt(request.debounces, request.limits, by - 1)
  return { scope, key, id: reader.double(), until: reader.double(), before: reader.double() }
}

/** The check of that number: debounces come before limits. */
function checkAt(
  debounces: readonly DebounceCheck[],
  limits: readonly LimitCheck[],
  index: number,
): DebounceCheck | LimitCheck {
  return index < debounces.length ? debounces[index] : limits[index - debounces.length]
}

function shadowedFrom(
  reader: ByteReader,
  limits: readonly LimitCheck[],
  count: number,
): Decision['shadowed'] {
  return Array.from({ length: count }, () => {
    const { bucket } = limits[reader.short()]
    return { name: bucket, retryAfter: finite(reader.double()) }
  })
}

function registrationOf(userId: number, since: number, rest: string): Registration {
  return rest === '' ? { userId, since } : { ...(JSON.parse(rest) as object), userId, since }
}

function blockOf({ actor }: DecisionRequest, { bucket, blockFor }: LimitCheck, now: number): Block {
  return { userId: actor ?? 0, reason: bucket, by: 'sentinel', since: now, until: now + blockFor }
}
