/** Functions that a bot gives in its options, held to what they must return. */
import type { Context } from 'telegraf'
import type { Clock } from './clock'
import { nonsense } from './hooks'
import { show } from './schema'
import type { Subject } from './subject'

/** Whether an actor is exempt; throws where the function does, or answers nonsense. */
export function exemption<C extends Context>(
  exempt: ((ctx: C) => boolean) | readonly number[],
): (ctx: C, subject: Subject) => boolean {
  if (typeof exempt === 'function') return (ctx) => yesOrNo(exempt(ctx))
  const ids = new Set(exempt)
  return (_ctx, { actor }) => actor !== undefined && ids.has(actor)
}

function yesOrNo(answer: unknown): boolean {
  if (typeof answer === 'boolean' || answer === undefined) return answer ?? false
  throw nonsense('exempt must return true or false', answer)
}

/** What a clock says. @throws TypeError for anything but milliseconds */
export function wholeMs(clock: Clock): number {
  const now = Math.floor(clock.now())
  if (Number.isSafeInteger(now)) return now
  throw new TypeError(`clock.now() must return milliseconds, got ${show(now)}`)
}

/** For times that nothing depends on. */
export function safely(clock: Clock): number {
  try {
    return wholeMs(clock)
  } catch {
    return Date.now()
  }
}
