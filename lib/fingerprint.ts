/**
 * What makes two updates "the same" to a person: the text, the button on its message, the sticker, the file, the
 * query. Never the whole update, whose ids and dates always differ.
 */
import { isMessageKind, kindOf, loose, payloadOf, type Loose } from './subject'

/** What a message can say. Everything else in it is about the message. */
const CONTENT = [
  'text',
  'caption',
  'photo',
  'sticker',
  'animation',
  'document',
  'audio',
  'video',
  'video_note',
  'voice',
  'story',
  'paid_media',
  'contact',
  'dice',
  'game',
  'poll',
  'venue',
  'location',
  'checklist',
  'web_app_data',
  'users_shared',
  'chat_shared',
  'new_chat_members',
  'left_chat_member',
]

/** What every message has, whatever it says. */
const ABOUT_MESSAGE = new Set([
  'message_id',
  'date',
  'edit_date',
  'from',
  'chat',
  'sender_chat',
  'message_thread_id',
  'is_topic_message',
  'reply_to_message',
  'media_group_id',
])

/** What differs each time, whatever the update says. */
const VOLATILE = new Set(['id', 'date', 'message_id', 'chat_instance'])
/** Of kinds whose ids name what they are about: the message, the poll. */
const DATED = new Set(['date'])

/** The default fingerprint; `undefined` where the update says nothing that could be repeated. */
export function fingerprintOf(update: Loose): string | undefined {
  const kind = kindOf(update)
  const payload = payloadOf(update, kind)
  if (isMessageKind(kind)) return ofMessage(kind, payload)
  switch (kind) {
    case 'unknown':
      return undefined
    case 'callback_query':
      return join(kind, payload['data'], payload['game_short_name'], messageOf(payload))
    case 'inline_query':
      return join(kind, payload['query'], payload['offset'])
    case 'chosen_inline_result':
      return join(kind, payload['query'], payload['result_id'])
    case 'message_reaction':
    case 'message_reaction_count':
    case 'poll':
      return join(kind, rest(payload, DATED))
    default:
      return join(kind, rest(payload, VOLATILE))
  }
}

function ofMessage(kind: string, message: Loose): string | undefined {
  let said = ''
  for (const key of CONTENT) {
    const value = message[key]
    if (value !== undefined) said += '\u0001' + key + '\u0002' + describe(value)
  }
  // A service message, or a content of days to come.
  if (said === '') said = rest(message, ABOUT_MESSAGE)
  if (said === '') return undefined
  const edited = kind.startsWith('edited_') ? message['message_id'] : undefined
  const target = loose(message['reply_to_message'])?.['message_id']
  return join(kind, said, edited, target)
}

function messageOf(query: Loose): string {
  const message = loose(query['message'])
  return join(loose(message?.['chat'])?.['id'], message?.['message_id'], query['inline_message_id'])
}

/** All that is said under other names than these; empty where nothing is. */
function rest(payload: Loose, without: ReadonlySet<string>): string {
  const said = Object.entries(payload).filter(([name]) => !without.has(name))
  return said.length === 0 ? '' : JSON.stringify(said)
}

function describe(value: unknown): string {
  // Photos come in several sizes: the last is the largest.
  const file = loose(Array.isArray(value) ? value[value.length - 1] : value)?.['file_unique_id']
  return textOf(typeof file === 'string' ? file : value)
}

function join(...parts: unknown[]): string {
  let text = ''
  for (const part of parts) text += textOf(part) + '\u0000'
  return text
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : (JSON.stringify(value) ?? '')
}
