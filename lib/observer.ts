/** What Telegram tells besides: who has stopped the bot, and which group became a supergroup. */
import type { Context } from 'telegraf'
import type { Backlogs } from './backlog'
import { OverloadError, toError } from './errors'
import type { Emitter } from './events'
import { within } from './promises'
import type { Settings } from './options'
import type { Planner } from './plan'
import type { Members } from './stores/records'
import { loose, payloadOf, type Loose } from './subject'
import type { Trips } from './trip'
import { charge, halfOf, NOTHING_JUDGED, type Turn } from './turn'

export interface ObserverParts<C extends Context> {
  readonly backlogs: Backlogs
  readonly settings: Settings<C>
  readonly trips: Trips<C>
  readonly emitter: Emitter
  readonly planner: Planner<C>
  readonly members: Members
}

export class Observer<C extends Context> {
  readonly #parts: ObserverParts<C>

  constructor(parts: ObserverParts<C>) {
    this.#parts = parts
  }

  /** Writes down what the update tells; `undefined` where it tells nothing. Never rejects: a failure is an event. */
  observe(update: Loose, turn: Turn): Promise<void> | undefined {
    const { updateType, chatId } = turn.subject
    if (updateType === 'my_chat_member') return this.#membership(payloadOf(update, updateType), turn)
    if (updateType !== 'message' || chatId === undefined) return undefined
    const to = payloadOf(update, updateType)['migrate_to_chat_id']
    if (!Number.isSafeInteger(to) || to === chatId) return undefined
    return this.#migration(turn, chatId, to as number)
  }

  #migration(turn: Turn, from: number, to: number): Promise<void> {
    return this.#inTime(turn, 'migrateChat', halfOf(turn), () => this.#migrate(from, to))
  }

  #membership(change: Loose, turn: Turn): Promise<void> | undefined {
    const { settings, emitter, members } = this.#parts
    const { userId, updateId } = turn.subject
    const status = loose(change['new_chat_member'])?.['status']
    const isPrivate = loose(change['chat'])?.['type'] === 'private'
    if (!settings.membership || !isPrivate || userId === undefined || typeof status !== 'string')
      return undefined
    const reachable = status !== 'kicked' && status !== 'left'
    const date = Number.isSafeInteger(change['date'])
      ? (change['date'] as number) * 1000
      : settings.clock.now()
    return this.#inTime(turn, 'membership', turn.timeLeft, async () => {
      const isLatest = await members.record(
        userId,
        reachable,
        date,
        Number.isSafeInteger(updateId) ? updateId : 0,
      )
      if (!isLatest) return
      const verdict = NOTHING_JUDGED
      const at = settings.clock.now()
      emitter.emit({ type: 'membership', userId, reachable, subject: turn.subject, verdict, at })
    })
  }

  /** The chat keeps what was counted: state moves where the new chat has none yet. */
  async #migrate(from: number, to: number): Promise<void> {
    const { settings, planner } = this.#parts
    const buckets = [...planner.buckets.values()]
      .filter(({ scope }) => scope === 'chat' || scope === 'member')
      .map(({ name, scope }) => ({ bucket: name, scope }))
    if (buckets.length > 0) await settings.store.migrateChat(settings.space, from, to, buckets)
  }

  async #inTime(turn: Turn, source: string, time: number, work: () => Promise<void>): Promise<void> {
    const { settings, trips, emitter, backlogs } = this.#parts
    const start = performance.now()
    try {
      const done = trips.connect().then(work)
      await within(done, time, () => new Error(`${source}: no answer within ${time} ms`))
    } catch (thrown) {
      if (thrown instanceof OverloadError) return backlogs.decisions.turnAway(thrown.bound)
      const { subject, verdict } = turn
      const at = settings.clock.now()
      emitter.emit({ type: 'storeError', error: toError(thrown), source, subject, verdict, at })
    } finally {
      charge(turn, start)
    }
  }
}
