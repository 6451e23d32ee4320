/** Decisions on their way to Redis and back: those that wait travel together, by slot on a Cluster. */
import { toError } from '../../errors'
import { Convoy } from '../convoy'
import { WaitingRoom } from '../waiting-room'
import type { Decision, DecisionRequest, LimitQuery, LimitState } from '../decision'
import { decodeReply, replyOf } from './codec-reply'
import type { Answer } from './codec-reply'
import { BatchEncoder, peekOp } from './codec-request'
import type { BatchOp } from './codec-request'
import type { RedisConnection } from './connection'
import { checkPlaces, homeOf, tagOf } from './keys'
import type { DecideOp, RefundOp, Slots, Tentative, TentativeOp } from './ops'
import { decisionsWith } from './script'
import { decideSplit } from './split'

export interface EngineOptions {
  /** ms that a decision waits at most. */
  readonly timeout: number
  /** Decisions that wait at most, on a Cluster for whichever masters. */
  readonly waiting: number
  /** Decisions in one call at most. */
  readonly batch: number
  /** Connections that calls may go to. Default 1. */
  readonly pool?: number
}

/** One call is served while another is written and a third is read; more calls only make each of them smaller. */
const FLIGHTS = 3
/** For each further connection. */
const MORE_FLIGHTS = 1
/** Decisions that are worth a call of their own: by so many its fixed cost is shared. */
const SHARE = 64

export class Engine implements Slots {
  readonly #connection: RedisConnection
  /** One for each master that decides: those of one that hangs hold up no others. */
  readonly #convoys = new Map<string, Convoy<BatchOp, Answer>>()
  readonly #room: WaitingRoom
  readonly #options: EngineOptions
  readonly #encoder = new BatchEncoder()
  /** What requests have needed of the script so far: few changes in the life of a bot, for each of which a server loads a script. */
  #features = 0

  constructor(connection: RedisConnection, options: EngineOptions) {
    this.#connection = connection
    this.#options = options
    this.#room = new WaitingRoom(options.waiting, () => this.#convoys.values())
  }

  /** Decisions that wait for a call. */
  get waiting(): number {
    return this.#room.taken
  }

  /** Takes no more decisions; resolves when those that were taken are answered. */
  async drain(): Promise<void> {
    await Promise.all(Array.from(this.#convoys.values(), (convoy) => convoy.drain()))
  }

  /** Decides a request, wherever its checks lie. */
  judge(request: DecisionRequest): Promise<Decision> {
    return this.#connection.topology === 'one'
      ? this.decide({ kind: 'decide', request })
      : decideSplit(request, this)
  }

  decide(op: DecideOp): Promise<Decision> {
    return this.#run(op) as Promise<Decision>
  }

  tentative(op: TentativeOp): Promise<Tentative> {
    return this.#run(op) as Promise<Tentative>
  }

  async refund(op: RefundOp): Promise<void> {
    await this.#run(op)
  }

  peek(query: LimitQuery): Promise<LimitState> {
    return this.#run(peekOp(query)) as Promise<LimitState>
  }

  /** What cannot be placed fails alone, not the call that it would have travelled in. */
  #run(op: BatchOp): Promise<Answer> {
    const { request } = op
    try {
      checkPlaces(request, request.debounces)
      checkPlaces(request, request.limits)
    } catch (error) {
      return Promise.reject(toError(error))
    }
    return this.#convoyOf(op).run(op)
  }

  #convoyOf(op: BatchOp): Convoy<BatchOp, Answer> {
    const { link, topology } = this.#connection
    const master = topology === 'one' ? '' : (link.masterOf?.(slotTag(op)) ?? '')
    return this.#convoys.get(master) ?? this.#newConvoy(master)
  }

  #newConvoy(master: string): Convoy<BatchOp, Answer> {
    const { link, topology } = this.#connection
    const { pool = 1, batch, timeout } = this.#options
    const convoy = new Convoy<BatchOp, Answer>(topology === 'one' ? this.#carry : this.#carryBySlot, {
      most: batch,
      share: SHARE,
      flights: FLIGHTS + MORE_FLIGHTS * (pool - 1),
      waiting: this.#room,
      timeout,
      lost: link.mostLost,
    })
    this.#convoys.set(master, convoy)
    void this.#forgetFormer()
    return convoy
  }

  /** A master that is new may have taken the place of another: that one's convoy is of no more use. */
  async #forgetFormer(): Promise<void> {
    const masters = await this.#connection.link.masters()
    for (const [master, { isIdle }] of this.#convoys) {
      if (isIdle && !masters.includes(master)) this.#convoys.delete(master)
    }
  }

  readonly #carry = async (
    ops: readonly BatchOp[],
    timeLeft: number,
  ): Promise<readonly (Answer | Error)[]> => {
    const { keys, blob, features } = this.#encoder.encode(ops)
    this.#features |= features
    const reply = await this.#connection.run(decisionsWith(this.#features), keys, [blob], timeLeft)
    return decodeReply(replyOf(reply), ops, keys)
  }

  /** One call per hash tag; they share nothing, so none waits for another, and one that fails fails alone. */
  readonly #carryBySlot = async (
    ops: readonly BatchOp[],
    timeLeft: number,
  ): Promise<readonly (Answer | Error)[]> => {
    const groups = new Map<string, number[]>()
    for (const [index, op] of ops.entries()) {
      const tag = slotTag(op)
      const group = groups.get(tag)
      if (group === undefined) groups.set(tag, [index])
      else group.push(index)
    }
    const answers = new Array<Answer | Error>(ops.length)
    await Promise.all(
      Array.from(groups.values(), async (group) => {
        const some = await this.#carry(
          group.map((index) => ops[index]),
          timeLeft,
        ).catch((error: unknown) => group.map(() => toError(error)))
        for (const [place, index] of group.entries()) answers[index] = some[place]
      }),
    )
    return answers
  }
}

/** The tag that all places of an operation have, its foreign checks' aside. */
function slotTag(op: BatchOp): string {
  const { request } = op
  const foreign = op.kind === 'decide' ? op.foreign : undefined
  const { debounces, limits, actor, block, duplicate, registration, notices } = request
  const whole = actor !== undefined && (block || registration !== undefined || notices !== undefined)
  if (whole || duplicate !== undefined) return tagOf(request, homeOf(request))
  const here = [...debounces, ...limits].find((check) => foreign?.has(check) !== true)
  return tagOf(request, here ?? homeOf(request))
}
