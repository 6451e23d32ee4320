/** Reads what the function `decide` answers. */
import { StoreError } from '../../errors'
import type { Decision, DecisionRequest, LimitCheck, LimitState, Registration } from '../decision'
import type { EngineBatch } from './engine-batch'
import { wireWait } from './engine-rules'
import { ANSWER, FOREVER, NEVER, REASONS, SEPARATOR } from './sql/decide-format'

/** Decisions in the order of the batch's requests. */
export function readAnswer(batch: EngineBatch, answer: unknown): Decision[] {
  if (typeof answer !== 'string') {
    throw new StoreError(
      `the database's function decide answered ${typeof answer}: its functions are of another version`,
    )
  }
  const [numbers, records, profiles] = answer.split(SEPARATOR, 2).concat(restOf(answer))
  const reader = new Reader(JSON.parse(`[${numbers}]`) as number[])
  const now = reader.next()
  const registered = registrationsOf(batch, JSON.parse(`[${records}]`) as number[], profiles)
  return batch.requests.map((request, index) => decisionOf(request, now, reader, registered[index]))
}

/** What follows the second separator. */
function restOf(answer: string): string {
  return answer.slice(answer.indexOf(SEPARATOR, answer.indexOf(SEPARATOR) + 1) + 1)
}

class Reader {
  #at = 0
  constructor(private readonly numbers: readonly number[]) {}

  next(): number {
    return this.numbers[this.#at++]
  }
}

function registrationsOf(
  { requests, registrations }: EngineBatch,
  records: readonly number[],
  profiles: string,
): (Registration | undefined)[] {
  const contents = profiles === '' ? [] : profiles.split(SEPARATOR)
  const found = new Map<number, Registration>()
  let content = 0
  // Records were first asked for in the order of the requests, hence so were those of registrations.
  return registrations.map((number, index) => {
    const { actor } = requests[index]
    if (number === 0 || actor === undefined || records[number - 1] === NEVER) return undefined
    let registration = found.get(number)
    if (registration === undefined) {
      const rest = JSON.parse(contents[content++]) as { profile?: unknown }
      registration = { userId: actor, ...rest, since: records[number - 1] }
      found.set(number, registration)
    }
    return registration
  })
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
