/**
 * `ctx.args` of a command: its payload as words, parsed when first asked for.
 *
 * One pair of accessors serves every context. A pair per context would cost each command an allocation and turn the
 * context into a dictionary, and hardly any handler asks.
 */
import type { Context } from 'telegraf'
import { commandLength, isObject, messageOf } from './update'

const parsed = new WeakMap<object, unknown>()

const property: PropertyDescriptor & ThisType<Context> = {
  enumerable: true,
  configurable: true,
  get() {
    const known = parsed.get(this)
    if (known != null) return known
    const args = argsOf(this)
    parsed.set(this, args)
    return args
  },
  set(value: unknown) {
    parsed.set(this, value)
  },
}

/** Gives a context that has matched a command its `args`. */
export function defineArgs(ctx: Context): void {
  parsed.delete(ctx)
  Object.defineProperty(ctx, 'args', property)
}

function argsOf(ctx: Context): string[] {
  const message = messageOf(ctx.update)
  const offset = commandLength(message) + 1
  const text = message?.['text']
  const entities = message?.['entities']
  return parseArgs(
    typeof text === 'string' ? text.slice(offset) : '',
    Array.isArray(entities) ? entities : [],
    offset,
  )
}

/**
 * Splits a payload at spaces and line ends. Quotes keep words together, a backslash takes the next character as it
 * is, and a mention or link by text is one word.
 *
 * The quirks (an empty pair of quotes gives nothing, a quote ends the word before it) are Telegraf's:
 * @see https://github.com/telegraf/telegraf/blob/v4/src/core/helpers/args.ts
 */
function parseArgs(text: string, entities: readonly unknown[], entityOffset: number): string[] {
  const links = linkLengths(entities, entityOffset)
  const args: string[] = []
  let done = 0
  let quote: string | undefined
  let escaped = ''
  const flush = (to: number): void => {
    if (done !== to) {
      args.push(escaped + text.slice(done, to))
      quote = undefined
    }
    escaped = ''
    done = to + 1
  }
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    const link = links.get(i)
    if (link) {
      flush(i)
      done--
      i += link
      flush(i)
    } else if (char === '"' || char === "'") {
      if (quote === undefined) {
        flush(i)
        quote = char
      } else if (quote === char) flush(i)
    } else if (char === '\n' || (char === ' ' && quote === undefined)) flush(i)
    else if (char === '\\') {
      escaped += text.slice(done, i)
      done = ++i
    }
  }
  if (done < text.length) flush(text.length)
  return args
}

function linkLengths(entities: readonly unknown[], entityOffset: number): Map<number, number> {
  const lengths = new Map<number, number>()
  for (const entity of entities) {
    if (!isObject(entity)) continue
    const { type, offset, length } = entity
    if (type !== 'text_mention' && type !== 'text_link') continue
    // Of two links at one place the later counts, also where it has no length.
    if (typeof offset === 'number' && typeof length === 'number') {
      lengths.set(offset - entityOffset, Math.max(0, length))
    }
  }
  return lengths
}
