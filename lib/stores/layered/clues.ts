/**
 * A refusal names the longest wait over all checks that fail: whose wait it is follows from what else is known of them.
 */
import type { Group } from './facts'

/** A check that fails, or may. Waits are ms. */
export interface Suspect {
  /** Its wait, where the decision alone tells it. */
  readonly exact?: number
  /** Its wait as it was known before. */
  readonly former?: number
  /** Its wait at most. */
  readonly upper: number
  /** The longest wait is this one's. */
  isIt?(wait: number): void
  /** What was known before agrees with the decision. */
  isStill?(wait: number): void
  /** It fails, and the longest wait is its own or another's of the group. */
  isAmong?(group: Group): void
}

/** `least`: ms that the refusal names whatever the checks' own waits are. */
export function clear(suspects: readonly Suspect[], longest: number, least: number, now: number): void {
  const byDecision = suspects.map(({ exact }) => exact)
  if (explained(suspects, byDecision, longest, least)) return
  const byMemory = suspects.map(({ exact, former }) =>
    former !== undefined && former > longest ? undefined : (exact ?? former),
  )
  const isExplained = explained(suspects, byMemory, longest, least)
  if (isExplained) {
    suspects.forEach((suspect, n) => {
      if (suspect.exact === undefined && byMemory[n] !== undefined) suspect.isStill?.(byMemory[n])
    })
    return
  }
  const open = suspects.filter(({ upper }, n) => byMemory[n] === undefined && upper >= longest)
  if (open.length < 2 || open.some(({ isAmong }) => isAmong === undefined)) return
  const group: Group = { until: now + longest, size: open.length, run: 0, seen: 0 }
  for (const suspect of open) suspect.isAmong?.(group)
}

/** Whether known waits account for the longest, or only one suspect is left that can: it is told. */
function explained(
  suspects: readonly Suspect[],
  waits: readonly (number | undefined)[],
  longest: number,
  least: number,
): boolean {
  if (Math.max(least, ...waits.map((wait) => wait ?? 0)) >= longest) return true
  const open = suspects.filter(({ upper }, n) => waits[n] === undefined && upper >= longest)
  if (open.length !== 1) return false
  open[0].isIt?.(longest)
  return true
}
