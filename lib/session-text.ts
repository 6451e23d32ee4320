/** What is written of a session, and under which key. */
import { SentinelUsageError, toError } from './errors'
import { show } from './schema'

/** @throws SentinelUsageError for what is no text */
export function keyText(name: unknown): string {
  if (typeof name === 'string') return name
  throw new SentinelUsageError(`a session's key is a text, not ${show(name)}: see getSessionKey`)
}

/**
 * The session as JSON; `undefined` where there is nothing to keep: of `undefined`, and of what JSON makes `null` of.
 *
 * @throws SentinelUsageError for what JSON cannot keep
 */
export function textOf(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (thrown) {
    throw new SentinelUsageError(`the session ${show(name)} is no JSON: ${firstLine(toError(thrown))}`)
  }
  if (text === undefined)
    throw new SentinelUsageError(`the session ${show(name)} is no JSON: ${whyNot(value)}`)
  return text === 'null' ? undefined : text
}

function whyNot(value: unknown): string {
  const type = typeof value
  return type === 'function' || type === 'symbol' ? `it is a ${type}` : 'its toJSON() returns no JSON'
}

/** Of a cycle, V8 draws a picture over several lines. */
function firstLine({ message }: Error): string {
  return message.split('\n', 1)[0]
}
