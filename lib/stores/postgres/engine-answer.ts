/** Reads what the function `decide` answers. */
import { StoreError } from '../../errors'
import type { Decision, DecisionRequest, LimitCheck, LimitState, Registration } from '../decision'
import { parseJson, unreadable } from '../json'
import type { EngineBatch } from './engine-batch'
import { wireWait } from './engine-rules'
import { ANSWER, DECIDE, FOREVER, NEVER, REASONS, SEPARATOR, USUAL_ANSWER } from './sql/decide-format'

/** Decisions in the order of the batch's requests; an error for those whose record cannot be read. */
export function readAnswer(batch: EngineBatch, answer: unknown): (Decision | StoreError)[] {
  if (typeof answer !== 'string') {
    throw new StoreError(
      `the database's function ${DECIDE} answered ${typeof answer}: its functions are of another version`,
    )
  }
  const [usual, judged, records, ...contents] = answer.split(SEPARATOR)
  const decisions = new Array<Decision | StoreError | undefined>(batch.requests.length)
  const used = readUsual(batch, numbersOf(usual), contents, decisions)
  const reader = new Reader(numbersOf(judged))
  const now = reader.next()
  const registrations = new Registrations(batch, numbersOf(records), contents.slice(used))
  return batch.requests.map((request, index) => {
    const decided = decisions[index]
    if (decided !== undefined) return decided
    const registration = registrations.of(index)
    if (!(registration instanceof StoreError)) return decisionOf(request, now, reader, registration)
    decisionOf(request, now, reader, undefined)
    return registration
  })
}

function numbersOf(text: string): number[] {
  return JSON.parse(`[${text}]`) as number[]
}

/** Reads what was decided as usual; returns how many of the contents belong to it. */
function readUsual(
  { requests, shape }: EngineBatch,
  numbers: readonly number[],
  contents: readonly string[],
  decisions: (Decision | StoreError | undefined)[],
): number {
  let content = 0
  for (let at = 1; at < numbers.length; at += USUAL_ANSWER + shape.limits) {
    const index = numbers[at] - 1
    const since = numbers[at + 1]
    const request = requests[index]
    const registration = since === NEVER ? undefined : registrationOf(request, since, contents[content++])
    const limits = request.limits.map(({ bucket: name, rule: { limit, window } }, i) => {
      return { name, limit, remaining: numbers[at + USUAL_ANSWER + i], resetAfter: window }
    })
    decisions[index] =
      registration instanceof StoreError ? registration : passed(numbers[0], limits, registration)
  }
  return content
}

function passed(now: number, limits: LimitState[], registration: Registration | undefined): Decision {
  return {
    now,
    reason: undefined,
    name: undefined,
    retryAfter: undefined,
    limits,
    shadowed: [],
    notice: false,
    blockAdded: undefined,
    registration,
    unasked: false,
  }
}

class Reader {
  #at = 0
  constructor(private readonly numbers: readonly number[]) {}

  next(): number {
    return this.numbers[this.#at++]
  }
}

/** Those of the requests that were judged one by one, whose records were first asked for in the order of the requests. */
class Registrations {
  readonly #found = new Map<number, Registration | StoreError>()

  constructor(
    private readonly batch: EngineBatch,
    private readonly records: readonly number[],
    private readonly contents: readonly string[],
  ) {}

  of(index: number): Registration | StoreError | undefined {
    const number = this.batch.registrations[index]
    if (number === 0 || this.records[number - 1] === NEVER) return undefined
    let registration = this.#found.get(number)
    if (registration === undefined) {
      const content = this.contents[this.#found.size]
      registration = registrationOf(this.batch.requests[index], this.records[number - 1], content)
      if (registration !== undefined) this.#found.set(number, registration)
    }
    return registration
  }
}

function registrationOf(
  { actor }: DecisionRequest,
  since: number,
  content: string,
): Registration | StoreError | undefined {
  if (actor === undefined) return undefined
  const rest = parseJson(content)
  return rest === undefined ? unreadable(`user ${actor}`) : { userId: actor, ...(rest as object), since }
}

function decisionOf(
  request: DecisionRequest,
  now: number,
  reader: Reader,
  registration: Registration | undefined,
): Decision {
  const code = reader.next()
  const reason = REASONS[code & 7]
  const unasked = (code & ANSWER.unasked) !== 0
  const wait = reason === undefined ? undefined : reader.next()
  const blocking = (code & ANSWER.block) === 0 ? undefined : request.limits[reader.next() - 1]
  const shadowed = Array.from({ length: Math.floor((code % ANSWER.by) / ANSWER.shadowed) }, () => {
    const check = request.limits[reader.next() - 1]
    return { name: check.bucket, retryAfter: waitOf(request, reader.next()) }
  })
  const checks = [...request.debounces, ...request.limits]
  const by = Math.floor(code / ANSWER.by)
  return {
    now,
    reason,
    name: by === 0 ? undefined : checks[by - 1].bucket,
    retryAfter: wait === undefined ? undefined : waitOf(request, wait),
    limits: unasked ? [] : statesOf(request, reader),
    shadowed,
    notice: (code & ANSWER.notice) !== 0,
    blockAdded: blocking === undefined ? undefined : blockOf(request, blocking, now),
    registration: unasked ? undefined : registration,
    unasked,
  }
}

/** A wait out of the database; those of users' own limiters, which may be no whole numbers, are as they were. */
function waitOf({ limits }: DecisionRequest, wait: number): number | undefined {
  if (wait >= FOREVER) return undefined
  for (const { outcome } of limits) {
    for (const own of [outcome?.afterCounting, outcome?.retryAfter]) {
      if (own !== undefined && !Number.isInteger(own) && wireWait(own) === wait) return own
    }
  }
  return wait
}

function statesOf({ limits }: DecisionRequest, reader: Reader): LimitState[] {
  return limits.map(({ bucket: name, rule: { limit }, outcome }) => {
    const remaining = reader.next()
    const resetAfter = reader.next()
    if (outcome === undefined) return { name, limit, remaining, resetAfter }
    return { name, limit, remaining: outcome.remaining, resetAfter: outcome.resetAfter }
  })
}

function blockOf(
  { actor }: DecisionRequest,
  { bucket, blockFor }: LimitCheck,
  now: number,
): Decision['blockAdded'] {
  if (actor === undefined) return undefined
  return { userId: actor, reason: bucket, by: 'sentinel', since: now, until: now + blockFor }
}
