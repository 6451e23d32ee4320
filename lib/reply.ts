/** The answer to a refusal: which text, and how each kind of update is answered. */
import type { Context } from 'telegraf'
import { isThenable, within } from './promises'
import { REPLY_TIMEOUT, type Letter } from './outbox'
import { show } from './schema'
import { loose, payloadOf, type Loose, type Subject } from './subject'
import type { Reason, Refused } from './verdict'

/** A text, texts by language code, a function, or `false` for none. */
export type ReplyOption<C extends Context = Context> =
  false | string | Readonly<Record<string, string>> | ((ctx: C, verdict: Refused) => string | undefined)

/** Reasons that can be answered: a duplicate never is, the update it repeats has had its answer. */
export type AnsweredReason = Exclude<Reason, 'duplicate'>

/** The sentinel's `reply` option. */
export type RepliesOption<C extends Context = Context> =
  | false
  | ((ctx: C, verdict: Refused) => string | undefined)
  | Readonly<Partial<Record<AnsweredReason, ReplyOption<C>>>>

/** Reasons a `reply` object may name. */
export const ANSWERED_REASONS: readonly AnsweredReason[] = [
  'limited',
  'unregistered',
  'debounced',
  'blocked',
  'store-error',
]

type CallOptions = NonNullable<Parameters<Context['telegram']['callApi']>[2]>

/** Telegram's bound on the text of an answered callback query. */
const LONGEST_TOAST = 200

const DEFAULTS: Readonly<Partial<Record<AnsweredReason, (ctx: unknown, verdict: Refused) => string>>> = {
  limited: (_ctx, { retryAfter }) =>
    retryAfter === undefined
      ? 'You have reached your limit.'
      : `Too fast. Try again in ${inWords(retryAfter)}.`,
  unregistered: () => 'Please register first.',
  'store-error': () => 'Something is wrong on our side. Please try again later.',
}

/** The text for each reason, after the defaults. */
export class Replies<C extends Context> {
  readonly #option: RepliesOption<C> | undefined

  constructor(option: RepliesOption<C> | undefined) {
    this.#option = option
  }

  /** What answers a reason; a check's own `reply` comes first. `false`: nothing does. */
  optionFor(reason: Reason, own?: ReplyOption<C>): ReplyOption<C> {
    if (reason === 'duplicate') return false
    if (own !== undefined) return own
    if (this.#option === false || typeof this.#option === 'function') return this.#option
    return this.#option?.[reason] ?? DEFAULTS[reason] ?? false
  }

  /** The text that answers this refusal in the user's language, if any does. Rejects if its function fails, or hangs. */
  async textFor(ctx: C, verdict: Refused, own?: ReplyOption<C>): Promise<string | undefined> {
    const option = this.optionFor(verdict.reason, own)
    if (option === false) return undefined
    if (typeof option === 'string') return option
    if (typeof option === 'function') return textFrom(await inTime(option(ctx, verdict)))
    const fallback = verdict.reason === 'duplicate' ? undefined : DEFAULTS[verdict.reason]
    return inLanguage(option, languageOf(ctx.update as unknown as Loose)) ?? fallback?.(ctx, verdict)
  }
}

/** Whether a refusal of this kind of update is answered at all. */
export function isAnswered(subject: Subject): boolean {
  return (
    takesNotice(subject) || subject.updateType === 'callback_query' || subject.updateType === 'inline_query'
  )
}

/**
 * The call that answers a refused update as its kind wants: a callback query always (its spinner must stop), an inline
 * query with an empty list, a message with the text if there is one.
 */
export function answerFor(
  ctx: Context,
  subject: Subject,
  text: string | undefined,
): Pick<Letter, 'chat' | 'send'> | undefined {
  const { telegram } = ctx
  const { updateType, chatId } = subject
  const payload = payloadOf(ctx.update as unknown as Loose, updateType)
  if (updateType === 'callback_query') {
    const answer = () => ({ callback_query_id: String(payload['id']), text: text && toast(text) })
    return {
      chat: undefined,
      send: (signal) => telegram.callApi('answerCallbackQuery', answer(), until(signal)),
    }
  }
  if (updateType === 'inline_query') {
    const answer = () => ({
      inline_query_id: String(payload['id']),
      results: [],
      cache_time: 0,
      is_personal: true,
    })
    return {
      chat: undefined,
      send: (signal) => telegram.callApi('answerInlineQuery', answer(), until(signal)),
    }
  }
  if (updateType !== 'message' || text === undefined || chatId === undefined) return undefined
  const thread = payload['is_topic_message'] === true ? payload['message_thread_id'] : undefined
  const topic = typeof thread === 'number' ? { message_thread_id: thread } : undefined
  const answer = { chat_id: chatId, text, ...topic }
  return { chat: chatId, send: (signal) => telegram.callApi('sendMessage', answer, until(signal)) }
}

/** Telegraf's type for signals is that of a ponyfill; at run time it takes Node's own. */
function until(signal: AbortSignal): CallOptions {
  return { signal: signal as CallOptions['signal'] }
}

/** Whether a refusal of this kind of update can be told in a chat, and so wants at most one notice. */
export function takesNotice(subject: Subject): boolean {
  return subject.updateType === 'message' && subject.chatId !== undefined
}

/** Not longer than Telegram takes, and not cut within a character. */
function toast(text: string): string {
  return text.slice(0, LONGEST_TOAST).replace(/[\uD800-\uDBFF]$/, '')
}

/** A text's type asks for a string; where nobody checks types it may as well be asynchronous. */
function inTime(said: unknown): unknown {
  if (!isThenable(said)) return said
  return within(said, REPLY_TIMEOUT, () => new Error(`reply: no text within ${REPLY_TIMEOUT} ms`))
}

function textFrom(said: unknown): string | undefined {
  if (said === undefined || said === null || typeof said === 'string') return said ?? undefined
  throw new TypeError(`reply must return a string or undefined, got ${show(said)}`)
}

function languageOf(update: Loose): string | undefined {
  for (const key in update) {
    const code = loose(loose(update[key])?.['from'])?.['language_code']
    if (typeof code === 'string') return code.toLowerCase()
  }
  return undefined
}

function inLanguage(texts: Readonly<Record<string, string>>, code: string | undefined): string | undefined {
  const find = (wanted: string): string | undefined =>
    Object.entries(texts).find(([language]) => language.toLowerCase() === wanted)?.[1]
  return (code === undefined ? undefined : (find(code) ?? find(code.split('-')[0]))) ?? find('en')
}

function inWords(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 120) return seconds === 1 ? '1 second' : `${seconds} seconds`
  const minutes = Math.ceil(seconds / 60)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.ceil(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.ceil(hours / 24)} days`
}
