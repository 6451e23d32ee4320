/**
 * What triggers look at, read from the update itself: Telegraf's getters copy the message on each read. An update may
 * be malformed, so nothing is taken for granted; what cannot be read is not there.
 */

/** Something with unknown properties: an update, a message, an entity. */
export type Loose = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null
}

/** Whether there is an object that has this property, whatever its value. */
export function holds(value: unknown, key: string): boolean {
  return isObject(value) && key in value
}

/** What `Composer.on` means by a name: a kind of update, or a property of its message. */
export function isOfKind(update: Loose, kind: string): boolean {
  return kind in update || holds(update['message'], kind)
}

export function messageOf(update: unknown): Loose | undefined {
  const message = isObject(update) ? update['message'] : undefined
  return isObject(message) ? message : undefined
}

/** Length of the command that a message begins with, slash and username included. Whatever Telegram says it is. */
export function commandLength(message: Loose | undefined): number {
  const entities = message?.['entities']
  const first = isObject(entities) ? entities[0] : undefined
  return isObject(first) ? (first['length'] as number) : NaN
}

/** The command that a text message begins with, without slash and username, if it is meant for this bot. */
export function commandOf(update: Loose, me: unknown): string | undefined {
  const message = messageOf(update)
  const text = message?.['text']
  const entities = message?.['entities']
  if (typeof text !== 'string' || !isObject(entities)) return undefined
  const first = entities[0]
  if (!isObject(first) || first['type'] !== 'bot_command' || (first['offset'] as number) > 0) return undefined
  const part = text.slice(0, first['length'] as number)
  const at = part.indexOf('@')
  if (at < 0) return part === '' ? undefined : part.slice(1)
  if (at === 0 || !isNamed(part, at + 1, me)) return undefined
  return part.slice(1, at)
}

/** Whether the username that begins here is this bot's, or empty. */
function isNamed(part: string, from: number, me: unknown): boolean {
  const end = part.indexOf('@', from)
  const username = end < 0 ? part.slice(from) : part.slice(from, end)
  return username === '' || (typeof me === 'string' && username.toLowerCase() === me.toLowerCase())
}

/** The text that `hears`, `action` and `inlineQuery` look at, in Composer's order of preference. */
export function textOf(update: Loose): unknown {
  const inline = update['inline_query']
  return (
    textIn(update['message']) ??
    textIn(update['channel_post']) ??
    textIn(update['callback_query']) ??
    (isObject(inline) ? inline['query'] : undefined)
  )
}

function textIn(value: unknown): unknown {
  if (!isObject(value)) return undefined
  if ('caption' in value) return value['caption']
  if ('text' in value) return value['text']
  if ('data' in value) return value['data']
  return value['game_short_name']
}
