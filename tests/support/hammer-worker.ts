/**
 * A process that opens a store and does what it is told, at the moment it is told: jobs are prepared first, so that
 * several processes can begin together.
 */
import type { Algorithm } from '../../lib/limiters'
import type { DecisionRequest } from '../../lib/stores/decision'
import type { StorageAdapter } from '../../lib/stores/store'
import type { Meeting, RecordPlace, UserNamespace, UserRecordOf } from '../../lib/stores/user-record'
import { debounceOf, decide, limitOf } from '../../lib/testing/contract/requests'
import type { LimitParts } from '../../lib/testing/contract/requests'
import { openStore } from './stores'
import type { Address } from './stores'

/** A request in words that can be sent to another process. */
export type Asked = Partial<Omit<DecisionRequest, 'debounces' | 'limits'>> & {
  readonly debounces?: readonly Parameters<typeof debounceOf>[0][]
  readonly limits?: readonly (Omit<LimitParts, 'limiter'> & { readonly limiter?: Algorithm })[]
}

type AnyRecord = UserRecordOf[UserNamespace]

export type Job =
  /** Decides requests, some at a time: the reason of each, `allowed`, or the error's message. */
  | { readonly kind: 'decide'; readonly space: string; readonly together: number; readonly asked: Asked[] }
  | {
      readonly kind: 'put'
      readonly place: RecordPlace
      readonly records: AnyRecord[]
      readonly meeting: Meeting
    }
  | { readonly kind: 'drop'; readonly place: RecordPlace; readonly userIds: number[] }

export interface Results {
  readonly decide: string[]
  readonly put: (AnyRecord | undefined)[]
  readonly drop: (AnyRecord | undefined)[]
}

/** What the process is told, and what it says. */
export type Order = { readonly job: Job } | 'go' | 'close'
export type Word = 'opened' | 'prepared' | { readonly result: Results[Job['kind']] }

async function main(address: Address): Promise<void> {
  const store = openStore(address)
  await store.connect()
  let prepared: (() => Promise<Results[Job['kind']]>) | undefined
  process.on('message', (order: Order) => {
    if (order === 'close') {
      void store.close().then(() => process.disconnect())
    } else if (order === 'go') {
      void prepared?.().then((result) => say({ result }))
    } else {
      prepared = prepare(store, order.job)
      say('prepared')
    }
  })
  say('opened')
}

function say(word: Word): void {
  process.send?.(word)
}

function prepare(store: StorageAdapter, job: Job): () => Promise<Results[Job['kind']]> {
  switch (job.kind) {
    case 'decide': {
      const requests = job.asked.map(({ debounces = [], limits = [], ...parts }) => ({
        ...parts,
        debounces: debounces.map(debounceOf),
        limits: limits.map(limitOf),
      }))
      return () => decideAll(store, job.space, requests, job.together)
    }
    case 'put':
      return () => store.putRecords(job.place, job.records as never, job.meeting)
    case 'drop':
      return () => store.dropRecords(job.place, job.userIds)
  }
}

async function decideAll(
  store: StorageAdapter,
  space: string,
  requests: readonly Partial<DecisionRequest>[],
  together: number,
): Promise<string[]> {
  const reasons: string[] = []
  for (let from = 0; from < requests.length; from += together) {
    const some = requests.slice(from, from + together)
    reasons.push(...(await Promise.all(some.map((request) => reasonOf(store, space, request)))))
  }
  return reasons
}

async function reasonOf(
  store: StorageAdapter,
  space: string,
  request: Partial<DecisionRequest>,
): Promise<string> {
  try {
    return (await decide(store, space, request)).reason ?? 'allowed'
  } catch (error) {
    return String(error)
  }
}

void main(JSON.parse(process.argv[2]) as Address)
