/**
 * Update -> Subject: who is acting, where, by what kind of action.
 *
 * Reads the update itself: Telegraf's getters allocate on each read and miss the kinds that Telegraf's types don't
 * know. Nothing here trusts the update's shape, so no update can make it throw.
 */

export type ActionKind = 'command' | 'message' | 'callback_query' | 'inline_query' | 'other'

/** Who is judged. */
export interface Subject {
  /**
   * Who limits, blocks and registrations are about: the chat in whose name somebody acts (an anonymous admin, a
   * channel: Telegram gives these a *shared* user id), else the user, else the chat.
   */
  readonly actor: number | undefined
  readonly botId: number
  readonly updateId: number
  /** `message`, `callback_query`, … as the update names it; `unknown` where it names nothing. */
  readonly updateType: string
  readonly action: ActionKind
  readonly userId: number | undefined
  readonly chatId: number | undefined
  readonly senderChatId: number | undefined
  readonly mediaGroupId: string | undefined
}

/** An object of unknown shape. */
export type Loose = Readonly<Record<string, unknown>>

const MESSAGE_KINDS = new Set([
  'message',
  'edited_message',
  'channel_post',
  'edited_channel_post',
  'business_message',
  'edited_business_message',
])

/** The update's kind: the first key but `update_id` whose value is an object. */
export function kindOf(update: Loose): string {
  for (const key in update) {
    const value = update[key]
    if (typeof value === 'object' && value !== null && key !== 'update_id') return key
  }
  return 'unknown'
}

/** What the update carries under its kind; an empty object where it carries nothing. */
export function payloadOf(update: Loose, kind: string): Loose {
  return loose(update[kind]) ?? {}
}

/** Who acts, where and how. Never throws. */
export function identify(update: Loose, botId: number): Subject {
  const updateType = kindOf(update)
  const payload = payloadOf(update, updateType)
  // chat_boost keeps its user inside the boost's source, removed_chat_boost inside the source.
  const source = loose((loose(payload['boost']) ?? payload)['source'])
  const userId = idOf(payload['from']) ?? idOf(payload['user']) ?? idOf(source?.['user'])
  const senderChatId =
    idOf(payload['sender_chat']) ?? idOf(payload['actor_chat']) ?? idOf(payload['voter_chat'])
  const chatId = idOf(payload['chat']) ?? idOf(loose(payload['message'])?.['chat'])
  const { update_id: updateId } = update
  const mediaGroupId = payload['media_group_id']
  return {
    actor: senderChatId ?? userId ?? chatId,
    botId,
    updateId: typeof updateId === 'number' ? updateId : NaN,
    updateType,
    action: actionOf(updateType, payload),
    userId,
    chatId,
    senderChatId,
    mediaGroupId: typeof mediaGroupId === 'string' ? mediaGroupId : undefined,
  }
}

/** Payments and membership: Telegram waits for the bot's answer, or money has moved. They skip every check. */
export function isNeverRefused(update: Loose, updateType: string): boolean {
  switch (updateType) {
    case 'pre_checkout_query':
    case 'shipping_query':
    case 'my_chat_member':
      return true
    case 'message':
    case 'business_message':
      return payloadOf(update, updateType)['successful_payment'] !== undefined
    default:
      return false
  }
}

export function isMessageKind(updateType: string): boolean {
  return MESSAGE_KINDS.has(updateType)
}

/** The value as an object, if it is one. */
export function loose(value: unknown): Loose | undefined {
  return typeof value === 'object' && value !== null ? (value as Loose) : undefined
}

function idOf(value: unknown): number | undefined {
  const id = loose(value)?.['id']
  return Number.isSafeInteger(id) ? (id as number) : undefined
}

function actionOf(updateType: string, payload: Loose): ActionKind {
  if (updateType === 'callback_query' || updateType === 'inline_query') return updateType
  if (!MESSAGE_KINDS.has(updateType)) return 'other'
  const entities = payload['entities']
  const first = Array.isArray(entities) ? loose(entities[0]) : undefined
  return first?.['type'] === 'bot_command' && first['offset'] === 0 ? 'command' : 'message'
}
