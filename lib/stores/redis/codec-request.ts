/** A batch of requests as the script reads it. Each check of a policy is sent once, however many requests it is in. */
import { mix53 } from '../../keys'
import type { Algorithm } from '../../limiters/limiter'
import type { DebounceCheck, DecisionRequest, LimitCheck, LimitQuery, Place, Scope } from '../decision'
import { ALBUM_PASSED, ALBUM_REFUSED, NOTICE_CODE } from '../judge'
import { knownWait } from '../meter'
import { ByteWriter } from './codec-bytes'
import { groupOf, homeOf, indexKey, subjectKey } from './keys'
import type { ForeignOutcome, RefundOp, SlotOp } from './ops'
import { ALGORITHM, EXTRA, featureBit, KIND, REGISTRATION } from './wire'

/** What one limit has left, asked for along with decisions. */
export interface PeekOp {
  readonly kind: 'peek'
  readonly request: DecisionRequest
}

export type BatchOp = SlotOp | PeekOp

/** One call: the subjects' keys, then the indexes that a block may be put into; and the blob. */
export interface EncodedBatch {
  readonly keys: readonly string[]
  readonly blob: Buffer
  /** What the script has to be able to do. */
  readonly features: number
}

const HEAD_SIZE = 12
const TENTATIVE = featureBit('tentative')

/** The request in which a limit is looked at. */
export function peekOp({ space, now, actor, chat, limit }: LimitQuery): PeekOp {
  const nothing = { duplicate: undefined, block: false, registration: undefined, debounces: [] }
  const request = {
    ...nothing,
    space,
    now,
    actor,
    chat,
    limits: [limit],
    album: undefined,
    notices: undefined,
  }
  return { kind: 'peek', request }
}

/** Writes batches, one at a time. */
export class BatchEncoder {
  private readonly checks = new ByteWriter()
  private readonly requests = new ByteWriter()
  private readonly subjects = new Map<string, number>()
  /** Where an operation's own subjects stand: most of its checks share one. */
  private readonly own = new Map<Scope, number>()
  private readonly indexes = new Map<string, number[]>()
  private readonly known = new Map<LimitCheck, number>()
  private checkCount = 0
  private features = 0

  /** @throws SentinelUsageError where a check's scope needs an id that its request has not. */
  encode(ops: readonly BatchOp[]): EncodedBatch {
    this.subjects.clear()
    this.indexes.clear()
    this.known.clear()
    this.checkCount = 0
    this.features = 0
    for (const op of ops) this.writeOp(op)
    // A Cluster finds the server by a key.
    if (this.subjects.size === 0) this.numberOf(subjectKey(ops[0].request, homeOf(ops[0].request)))
    this.placeIndexes()
    const { checks, requests } = this
    const blob = Buffer.allocUnsafe(HEAD_SIZE + checks.length + requests.length)
    blob.writeUInt32LE(this.subjects.size, 0)
    blob.writeUInt32LE(this.checkCount, 4)
    blob.writeUInt32LE(ops.length, 8)
    requests.drain(blob, checks.drain(blob, HEAD_SIZE))
    return { keys: [...this.subjects.keys(), ...this.indexes.keys()], blob, features: this.features }
  }

  private writeOp(op: BatchOp): void {
    const { request } = op
    const { debounces, album } = request
    const limits = limitsOf(op)
    this.own.clear()
    if (op.kind === 'tentative' || op.kind === 'refund') this.features |= TENTATIVE
    this.writeHead(op, limits)
    const foreign = op.kind === 'decide' ? op.foreign : undefined
    for (const check of op.kind === 'refund' ? [] : debounces) {
      this.writeDebounce(request, check, foreign?.get(check))
      if (album !== undefined) this.writeAlbum(album, check)
    }
    for (const check of limits) {
      this.writeLimit(request, check, foreign?.get(check))
      if (album !== undefined && op.kind !== 'refund') this.writeAlbum(album, check)
    }
    if (op.kind === 'refund') this.writeUndo(op)
  }

  private writeHead(op: BatchOp, limits: readonly LimitCheck[]): void {
    const { requests } = this
    const { request, kind } = op
    const { actor, registration, duplicate, notices } = request
    const whole = kind !== 'refund' && kind !== 'peek'
    const blocks = whole && actor !== undefined && limits.some((check) => blocksBy(check))
    const known = actor !== undefined && whole
    const block = known && request.block
    const registered = known && registration !== undefined ? REGISTRATION[registration] : 0
    const noted = known && notices !== undefined ? noticesOf(notices) : 0
    const now = op.kind === 'refund' ? op.undo.when : request.now
    const claims = duplicate !== undefined && whole
    requests.byte(KIND[kind])
    requests.byte(block ? 1 : 0)
    requests.byte(registered)
    requests.byte(noted)
    requests.byte(
      (now === undefined ? 0 : EXTRA.clock) +
        (claims ? EXTRA.duplicate : 0) +
        (request.album !== undefined && whole ? EXTRA.album : 0) +
        (blocks ? EXTRA.index : 0),
    )
    requests.int(block || registered > 0 || noted > 0 || blocks ? this.subject(request, ACTOR) : 0)
    requests.int(claims ? this.subject(request, homeOf(request)) : 0)
    requests.short(kind === 'refund' ? 0 : request.debounces.length)
    requests.short(limits.length)
    if (now !== undefined) requests.double(now)
    if (claims) {
      requests.double(duplicate.mark)
      requests.double(duplicate.window)
    }
    if (!blocks) return
    this.askForIndex(indexKey(request.space, 'blocks', groupOf(actor)))
    requests.int(0)
    requests.double(actor)
  }

  private writeDebounce(
    request: DecisionRequest,
    check: DebounceCheck,
    foreign: ForeignOutcome | undefined,
  ): void {
    const { requests } = this
    const notice = check.notice && request.notices !== undefined
    requests.int(foreign === undefined ? this.subject(request, check) : 0)
    requests.byte(notice ? 1 : 0)
    requests.double(check.mark)
    requests.double(check.window)
    if (notice) requests.double(mix53(NOTICE_CODE.debounced, check.id))
    if (foreign === undefined) return
    requests.double(foreign.open)
    requests.double(foreign.closed)
  }

  private writeLimit(request: DecisionRequest, check: LimitCheck, foreign: ForeignOutcome | undefined): void {
    this.requests.int(foreign === undefined ? this.subject(request, check) : 0)
    this.requests.int(this.check(check, foreign))
  }

  private writeAlbum(album: number, check: DebounceCheck | LimitCheck): void {
    const id = mix53(album, check.id)
    this.requests.double(mix53(id, ALBUM_PASSED))
    this.requests.double(mix53(id, ALBUM_REFUSED))
  }

  private writeUndo({ request, undo }: RefundOp): void {
    for (const { before, after } of undo.charged) {
      this.requests.buffer(before)
      this.requests.buffer(after)
    }
    this.requests.short(undo.marks.length)
    for (const mark of undo.marks) {
      this.requests.int(this.subject(request, mark))
      for (const value of [mark.id, mark.until, mark.before]) this.requests.double(value)
    }
  }

  /** Where a check stands among those of the batch, from 1. */
  private check(check: LimitCheck, foreign: ForeignOutcome | undefined): number {
    if (foreign !== undefined) return this.writeCheck(check, foreign)
    let number = this.known.get(check)
    if (number === undefined) this.known.set(check, (number = this.writeCheck(check, undefined)))
    return number
  }

  private writeCheck(check: LimitCheck, foreign: ForeignOutcome | undefined): number {
    const { checks } = this
    const { rule, outcome } = check
    const algorithm = algorithmOf(check, foreign)
    if (algorithm !== 'foreign' && algorithm !== 'settled') this.features |= featureBit(algorithm)
    checks.byte(ALGORITHM[algorithm])
    checks.byte(rule.countRefused ? 1 : 0)
    checks.byte(check.shadow ? 1 : 0)
    checks.byte(check.notice ? 1 : 0)
    for (const value of [check.id, rule.limit, rule.window, rule.burst, check.cost, check.blockFor]) {
      checks.double(value)
    }
    checks.double(mix53(NOTICE_CODE.limited, check.id))
    checks.text(blocksBy(check) ? JSON.stringify({ reason: check.bucket, by: 'sentinel' }) : '')
    if (foreign !== undefined) {
      const { wait, remaining, resetAfter, open, closed } = foreign
      for (const value of [wait, remaining, resetAfter, open, closed]) checks.double(value)
    } else if (outcome !== undefined) {
      const { remaining, resetAfter, afterCounting = NaN } = outcome
      for (const value of [knownWait(outcome), remaining, resetAfter, afterCounting, 0]) checks.double(value)
    }
    return ++this.checkCount
  }

  /** Where a place's key stands, from 1. */
  private subject(request: DecisionRequest, place: Place): number {
    if (place.scope === 'own') return this.numberOf(subjectKey(request, place))
    let number = this.own.get(place.scope)
    if (number === undefined) this.own.set(place.scope, (number = this.numberOf(subjectKey(request, place))))
    return number
  }

  private numberOf(key: string): number {
    let number = this.subjects.get(key)
    if (number === undefined) this.subjects.set(key, (number = this.subjects.size + 1))
    return number
  }

  /** The index's own place in the keys is known once all subjects are: it is filled in then. */
  private askForIndex(key: string): void {
    const at = this.indexes.get(key)
    if (at === undefined) this.indexes.set(key, [this.requests.length])
    else at.push(this.requests.length)
  }

  private placeIndexes(): void {
    let number = this.subjects.size
    for (const at of this.indexes.values()) {
      number++
      for (const place of at) this.requests.patch(place, number)
    }
  }
}

const ACTOR: Place = { scope: 'actor', key: undefined }

/** The limits that an operation sends: of a refund, those that were charged. */
function limitsOf(op: BatchOp): readonly LimitCheck[] {
  const { limits } = op.request
  return op.kind === 'refund' ? op.undo.charged.map(({ index }) => limits[index]) : limits
}

function blocksBy({ blockFor, shadow }: LimitCheck): boolean {
  return blockFor > 0 && !shadow
}

function noticesOf({ blocked, unregistered }: NonNullable<DecisionRequest['notices']>): number {
  return 1 + (blocked ? 2 : 0) + (unregistered ? 4 : 0)
}

function algorithmOf({ limiter, outcome }: LimitCheck, foreign: ForeignOutcome | undefined) {
  if (foreign !== undefined) return 'foreign'
  return outcome === undefined ? (limiter.name as Algorithm) : 'settled'
}
