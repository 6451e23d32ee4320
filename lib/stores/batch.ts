/** Decisions that waited for the same records are read, judged and written together. */
import type { Decision, DecisionRequest } from './decision'
import { Draft } from './draft'
import type { Entries } from './draft'
import { JsonLedger } from './json-ledger'
import { judge } from './judge'
import type { StorageAdapter } from './store'
import { transact } from './transaction'

/** Decides requests in order, each on what the former left; `keys` are all records that they read. */
export async function decideTogether(
  store: StorageAdapter,
  requests: readonly DecisionRequest[],
  keys: readonly string[],
): Promise<PromiseSettledResult<Decision>[]> {
  const injected = requests.find(({ now }) => now === undefined) ?? requests[0]
  const decide = async () => {
    const { value } = await transact(store, keys, injected.now, (entries, now) =>
      judgeAll(requests, entries, now),
    )
    return value
  }
  if (requests.length === 1) return decide()
  // One lost trip is not to cost many updates their verdict. Whatever it wrote all the same is a charge too many.
  return decide().catch(decide)
}

function judgeAll(requests: readonly DecisionRequest[], entries: Entries, now: number) {
  const draft = new Draft(entries)
  const value = requests.map((request) => judgeOne(request, draft, request.now ?? now))
  return { value, plan: draft.plan() }
}

/** A decision that throws, as a user's own limiter may, leaves nothing on the draft and the others alone. */
function judgeOne(request: DecisionRequest, draft: Draft, now: number): PromiseSettledResult<Decision> {
  try {
    const ledger = new JsonLedger(request, draft.entries, now, draft)
    const value = judge(request, ledger, now)
    ledger.keep()
    return { status: 'fulfilled', value }
  } catch (reason) {
    return { status: 'rejected', reason }
  }
}
