/** How fast Telegram lets a bot talk: in all, to one chat, to one group. */
import { ruleOf, slidingWindow, waitOf, type Rule } from './limiters'

/**
 * The limits of every bot.
 *
 * @see https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
 */
const ALL = { limit: 30, window: 1_000 }
const EACH_CHAT = { limit: 1, window: 1_000 }
const EACH_GROUP = { limit: 20, window: 60_000 }
/** Chats that are remembered before idle ones are looked for. */
const FEW_LANES = 64

/**
 * At most `limit` calls in any `window`, wherever between its start and its end Telegram counts a call: it takes a place when
 * it sets out, and gives it back a window after its end. Times are ms, monotonic.
 */
export class Pace {
  readonly #rule: Rule
  #row: number[] | undefined
  #underWay = 0

  constructor({ limit, window }: Pick<Rule, 'limit' | 'window'>) {
    this.#rule = ruleOf({ limit, window, burst: limit, countRefused: true })
  }

  /** ms until the next call may set out; `Infinity` where another has to end first. */
  wait(now: number): number {
    const { kernel } = slidingWindow
    return waitOf(kernel, this.#row ?? kernel.fresh, 0, this.#rule, Math.floor(now), this.#underWay + 1)
  }

  begin(): void {
    this.#underWay++
  }

  end(now: number): void {
    this.#underWay--
    this.#row = slidingWindow.hit(this.#row, this.#rule, Math.ceil(now), 1)[0]
  }

  /** What it remembers matters no more. */
  isIdle(now: number): boolean {
    const row = this.#row ?? []
    const wait = row.length === 0 ? 0 : slidingWindow.kernel.resetAfter(row, 0, this.#rule, Math.floor(now))
    return this.#underWay === 0 && wait === 0
  }
}

/** Calls that wait for each other. */
export class Lane {
  /** Calls that wait. */
  waiting = 0

  /** `own`: limits that no other lane shares; `spacing`: ms between two of its calls at least. */
  constructor(
    private readonly all: Pace,
    private readonly own: readonly Pace[],
    readonly spacing: number,
  ) {}

  /** ms until one may set out, as far as these limits are concerned. */
  wait(now: number): number {
    return this.own.reduce((most, pace) => Math.max(most, pace.wait(now)), this.all.wait(now))
  }

  begin(): void {
    this.all.begin()
    for (const pace of this.own) pace.begin()
  }

  end(now: number): void {
    this.all.end(now)
    for (const pace of this.own) pace.end(now)
  }

  isIdle(now: number): boolean {
    return this.waiting === 0 && this.own.every((pace) => pace.isIdle(now))
  }
}

/** The lanes of a bot; a chat's is forgotten when it is idle. */
export class Lanes {
  readonly #all = new Pace(ALL)
  /** Answers to queries belong to no chat. */
  readonly #answers = new Lane(this.#all, [], 0)
  readonly #chats = new Map<number, Lane>()
  #most = FEW_LANES

  /** Chats that are remembered. */
  get size(): number {
    return this.#chats.size
  }

  of(chat: number | undefined, now: number): Lane {
    if (chat === undefined) return this.#answers
    const known = this.#chats.get(chat)
    if (known !== undefined) return known
    if (this.#chats.size >= this.#most) this.#sweep(now)
    const limits = chat < 0 ? [EACH_CHAT, EACH_GROUP] : [EACH_CHAT]
    const own = limits.map((limit) => new Pace(limit))
    const lane = new Lane(this.#all, own, EACH_CHAT.window)
    this.#chats.set(chat, lane)
    return lane
  }

  #sweep(now: number): void {
    for (const [chat, lane] of this.#chats) if (lane.isIdle(now)) this.#chats.delete(chat)
    this.#most = Math.max(FEW_LANES, 2 * this.#chats.size)
  }
}
