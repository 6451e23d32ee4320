/** A process with a layered store, which does what it is told to do. */
import { layered } from '../../../lib/stores/layered'
import { Blocks, Registrations } from '../../../lib/stores/records'
import { limitOf, queryOf, requestOf } from '../../../lib/testing/contract/requests'
import { openStore, type Address } from '../../support/stores'
import { counted } from './support'

export const SPACE = 'layered:processes'

/** `limit`: of a window of an hour. */
export type Order =
  | { readonly do: 'decide'; readonly actor: number; readonly limit?: number; readonly registered?: boolean }
  | { readonly do: 'ban' | 'unban' | 'register' | 'unregister' | 'reset'; readonly actor: number }
  | { readonly do: 'health' | 'close' }

export interface Answer {
  readonly told?: unknown
  readonly error?: string
  /** Decisions that went to the back so far. */
  readonly trips: number
}

let trips = 0
const [address, options] = process.argv.slice(2).map((text) => JSON.parse(text) as unknown)
const back = counted(openStore(address as Address), () => trips++)
const store = layered('memory', back, options as object)
const blocks = new Blocks(store, SPACE, () => store.now())
const registrations = new Registrations(store, SPACE, () => store.now())
const shared = (limit: number) => limitOf({ limit, window: 3_600_000 })

async function act(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'decide': {
      const { actor, limit, registered } = order
      const request = requestOf(SPACE, {
        now: undefined,
        actor,
        block: true,
        registration: registered === true ? 'required' : undefined,
        limits: limit === undefined ? [] : [shared(limit)],
      })
      return (await store.decide(request)).reason ?? 'allowed'
    }
    case 'ban':
      return blocks.add(order.actor)
    case 'unban':
      return blocks.remove(order.actor)
    case 'register':
      return registrations.add(order.actor, { plan: 'pro' })
    case 'unregister':
      return registrations.remove(order.actor)
    case 'reset':
      return store.reset({ ...queryOf(SPACE, shared(1)), now: undefined, actor: order.actor })
    case 'health':
      return store.health()
    case 'close':
      return store.close()
  }
}

process.on('message', (order: Order) => {
  void act(order).then(
    (told) => answer({ told, trips }, order),
    (error: Error) => answer({ error: error.message, trips }, order),
  )
})

function answer(words: Answer, order: Order): void {
  process.send?.(words)
  if (order.do === 'close') process.disconnect()
}

void store.connect().then(() => process.send?.({ told: 'ready', trips }))
