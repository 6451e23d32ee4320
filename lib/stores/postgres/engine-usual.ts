/** Which requests may be decided as usual ones (see sql/decide-usual.ts), and how they are written. */
import type { DecisionRequest } from '../decision'
import { isUsualLimit } from './engine-rules'
import { USUAL, usualFields, USUAL_SHAPES } from './sql/decide-format'
import type { UsualShape } from './sql/decide-format'

export const [SLIM, WIDE] = USUAL_SHAPES

/** What stands where there is none. */
const [NO_SLIM, NO_WIDE] = USUAL_SHAPES.map((shape) => usualFields(shape).map(() => 0))

/** A request that may be usual. */
export interface UsualRequest {
  /** From 1. */
  readonly number: number
  /** Among the batch's spaces, from 1. */
  readonly space: number
  readonly request: DecisionRequest
}

/** The shape that a request in a single place needs; `undefined`: it is judged like the rest. */
export function shapeOf(request: DecisionRequest): UsualShape | undefined {
  const { limits, album } = request
  const marks = marksOf(request)
  if (album !== undefined || limits.length + marks.length === 0) return undefined
  if (marks.length > WIDE.marks || marks.some(({ mark }, i) => mark === 0 || mark === marks[i + 1]?.mark)) {
    return undefined
  }
  if (limits.length > WIDE.limits || !limits.every(isUsualLimit)) return undefined
  if (limits.some(({ id }, i) => limits.findIndex((other) => other.id === id) < i)) return undefined
  return marks.length > SLIM.marks || limits.length > SLIM.limits ? WIDE : SLIM
}

/** The numbers of usual requests at their places, in the order of usualFields. */
export function usualNumbers(requests: readonly (UsualRequest | undefined)[], shape: UsualShape): number[] {
  const none = shape === SLIM ? NO_SLIM : NO_WIDE
  const numbers: number[] = []
  for (const request of requests) {
    if (request === undefined) numbers.push(...none)
    else write(numbers, request, shape)
  }
  return numbers
}

function write(numbers: number[], { number, space, request }: UsualRequest, shape: UsualShape): void {
  const { actor, limits } = request
  const marks = marksOf(request)
  let keep = 0
  for (const { window } of marks) keep = Math.max(keep, window)
  for (const { rule } of limits) keep = Math.max(keep, rule.window)
  numbers.push(number, space, actor ?? 0, lookOf(request), keep)
  for (let i = 0; i < shape.marks; i++) {
    if (i < marks.length) numbers.push(marks[i].mark, marks[i].window)
    else numbers.push(0, 0)
  }
  for (let i = 0; i < shape.limits; i++) {
    if (i < limits.length) {
      const { id, rule, cost } = limits[i]
      numbers.push(id, rule.limit - cost, rule.window, cost)
    } else numbers.push(0, 0, 0, 0)
  }
}

function marksOf({ duplicate, debounces }: DecisionRequest): DecisionRequest['debounces'] | Mark[] {
  return duplicate === undefined ? debounces : [duplicate, ...debounces]
}

type Mark = NonNullable<DecisionRequest['duplicate']>

/** What is asked of the user's records. */
function lookOf({ actor, block, registration }: DecisionRequest): number {
  if (actor === undefined) return 0
  const blocks = block ? USUAL.block : 0
  if (registration === undefined) return blocks
  return blocks | USUAL.registration | (registration === 'vouched' ? 0 : USUAL.required)
}
