/** Whether what a store decided at once can have been decided one after another, and in which order. */
import type { Decision, DecisionRequest } from '../../lib/stores/decision'
import { Draft } from '../../lib/stores/draft'
import { JsonLedger } from '../../lib/stores/json-ledger'
import { judge } from '../../lib/stores/judge'
import type { Entry } from '../../lib/stores/store'

type State = ReadonlyMap<string, Entry | undefined>

/** Every state that a store may be in after what was seen of it. */
export class Possible {
  #states: readonly State[] = [new Map()]

  /**
   * Notes the decisions on requests that were made together.
   *
   * @returns what the first of the given orders would have decided where no order explains them, else `undefined`.
   */
  contradiction(
    requests: readonly DecisionRequest[],
    decisions: readonly Decision[],
    orders: readonly (readonly number[])[],
  ): readonly Decision[] | undefined {
    const seen = decisions.map(textOf)
    const after = new Map<string, State>()
    for (const state of this.#states) {
      for (const order of orders) {
        const next = explained(state, requests, seen, order)
        if (next !== undefined) after.set(fingerprintOf(next), next)
      }
    }
    if (after.size === 0) return replayed(this.#states[0], requests, orders[0])
    this.#states = [...after.values()]
    return undefined
  }
}

/** All orders of 0 … `count` - 1, the natural one first. */
export function ordersOf(count: number): number[][] {
  if (count === 0) return [[]]
  return ordersOf(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, back) => order.toSpliced(order.length - back, 0, count - 1)),
  )
}

/** The state in the end, or `undefined` if the store decided otherwise. */
function explained(
  before: State,
  requests: readonly DecisionRequest[],
  seen: readonly string[],
  order: readonly number[],
): State | undefined {
  let state = before
  for (const index of order) {
    const { decision, after } = judged(state, requests[index])
    if (textOf(decision) !== seen[index]) return undefined
    state = after
  }
  return state
}

function replayed(before: State, requests: readonly DecisionRequest[], order: readonly number[]): Decision[] {
  const decisions: Decision[] = []
  let state = before
  for (const index of order) {
    const { decision, after } = judged(state, requests[index])
    decisions[index] = decision
    state = after
  }
  return decisions
}

function judged(before: State, request: DecisionRequest): { decision: Decision; after: State } {
  const now = request.now ?? 0
  const draft = new Draft(before)
  const ledger = new JsonLedger(request, before, now, draft)
  const decision = judge(request, ledger, now)
  const after = new Map(before)
  for (const { key, change } of ledger.keep().plan().flat()) {
    if (change === 'delete') after.delete(key)
    else if (change !== 'keep') after.set(key, { value: change.value, version: 0 })
  }
  return { decision, after }
}

/** Absent and `undefined` are one, the order of members says nothing. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}

/** States are alike whatever the real time until which they are kept, the second of three. */
function fingerprintOf(state: State): string {
  const values = [...state].map(([key, entry]): [string, unknown] => [key, entry?.value])
  return textOf(Object.fromEntries(values)).replace(/(\["[a-z-]+"),[\d.]+,/g, '$1,')
}
