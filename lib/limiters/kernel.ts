/** What the five built-in limiters share. */
import type { BuiltinLimiter, Kernel, Outcome, Row, Rule } from './limiter'

/** Before any clock, yet finite, so that a fresh row survives JSON. */
export const LONG_AGO = -Number.MAX_VALUE

/** Makes a rule. Every rule made here has one shape, which keeps the kernels monomorphic, hence fast. */
export function ruleOf({ limit, window, burst, countRefused }: Rule): Rule {
  return { limit, window, burst, countRefused }
}

/**
 * ms until `cost` units pass: 0 now, `Infinity` never. Any cost and any limit: no cost passes always, a cost above
 * the capacity never.
 */
export function waitOf(kernel: Kernel, row: Row, at: number, rule: Rule, now: number, cost: number): number {
  const settled = statelessWait(rule, cost)
  if (settled !== undefined) return settled
  return cost > kernel.capacity(rule) ? Infinity : kernel.wait(row, at, rule, now, cost)
}

/** The wait that no state can change, of any limiter: none for no cost, else for ever under a limit of 0. */
export function statelessWait(rule: Rule, cost: number): number | undefined {
  if (cost === 0) return 0
  return rule.limit === 0 ? Infinity : undefined
}

/** `Kernel.move` for rows of one length. */
export function copyRow(from: Row, fromAt: number, to: Row, toAt: number, room: number): void {
  for (let i = 0; i < room; i++) to[toAt + i] = from[fromAt + i]
}

/** Makes the pure function of a kernel: copies the state, judges, charges the copy. */
export function fromKernel(name: string, kernel: Kernel): BuiltinLimiter {
  return {
    name,
    kernel,
    hit(state = kernel.fresh as number[], rule, now, cost) {
      let wait = waitOf(kernel, state, 0, rule, now, cost)
      const charged = cost > 0 && rule.limit > 0 && (wait === 0 || rule.countRefused)
      const row = charged ? roomFor(kernel, state, rule, now, cost) : state.slice()
      if (charged) kernel.charge(row, 0, rule, now, cost)
      if (charged && wait > 0) wait = waitOf(kernel, row, 0, rule, now, cost)
      return [row, outcomeOf(kernel, row, rule, now, wait)]
    },
    refund(state, rule, now, cost) {
      const row = state.slice()
      if (cost > 0) kernel.refund(row, 0, rule, now, cost)
      return row
    },
  }
}

function roomFor(kernel: Kernel, state: number[], rule: Rule, now: number, cost: number): number[] {
  const room = kernel.size(state, 0, rule, now, cost)
  if (room <= state.length) return state.slice()
  const row = new Array<number>(room).fill(0)
  kernel.move(state, 0, row, 0, room)
  return row
}

function outcomeOf(kernel: Kernel, row: number[], rule: Rule, now: number, wait: number): Outcome {
  return {
    allowed: wait === 0,
    retryAfter: wait,
    remaining: kernel.remaining(row, 0, rule, now),
    resetAfter: kernel.resetAfter(row, 0, rule, now),
  }
}
