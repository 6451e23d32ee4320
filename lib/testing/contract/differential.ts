import { hash53 } from '../../keys'
import { ALGORITHMS } from '../../limiters'
import type { Limiter } from '../../limiters/limiter'
import { Blocks, Registrations } from '../../stores/records'
import type { DecisionRequest, LimitCheck, Scope } from '../../stores/decision'
import type { StorageAdapter } from '../../stores/store'
import type { Bench } from './globals'
import { randomOf } from './random'
import type { Random } from './random'
import { ReferenceStore } from './reference'
import { debounceOf, limitOf, once, queryOf, requestOf, START, tally } from './requests'

const SCOPES: readonly Scope[] = ['actor', 'actor', 'chat', 'member', 'global', 'own']
const WINDOWS = [500, 3_000, 20_000]

/** Random updates with checks of all kinds: each decision is that of the base class over a map, in every field. */
export function testDifferential({ describe, test, expect, withStore, seed, steps }: Bench): void {
  describe('every decision is the reference’s', () => {
    for (const [name, limiters] of [
      ['built-in limiters', ALGORITHMS],
      ['own limiters among them', [...ALGORITHMS, tally as Limiter, once as Limiter]],
    ] as const) {
      test(
        `${name} (seed ${seed})`,
        withStore(async (store, space) => {
          const reference = new ReferenceStore()
          const random = randomOf(seed)
          const limits = Array.from({ length: 8 }, (_, n) => limitFrom(random, n, random.pick(limiters)))
          let now = START
          for (let step = 0; step < 4 * steps; step++) {
            now += random.pick([0, 0, 1, random.below(300), random.below(5_000), -random.below(200)])
            if (random.once(100)) now += random.below(3) * 86_400_000
            const act = actionFrom(random, space, now, limits)
            const [got, wanted] = [await act(store), await act(reference)]
            expect({ step, ...got }).toEqual({ step, ...wanted })
          }
        }),
      )
    }
  })
}

type Action = (store: StorageAdapter) => Promise<object>

function actionFrom(random: Random, space: string, now: number, limits: readonly LimitCheck[]): Action {
  const actor = 1 + random.below(3)
  const limit = random.pick(limits)
  const chat = -1 - random.below(2)
  switch (random.below(40)) {
    case 0:
      return (store) => new Blocks(store, space, () => now).add(actor, { for: '2s' })
    case 1:
      return async (store) => ({ removed: await new Blocks(store, space, () => now).remove(actor) })
    case 2:
      return (store) => new Registrations(store, space, () => now).add(actor, { now })
    case 3:
      return async (store) => ({ removed: await new Registrations(store, space, () => now).remove(actor) })
    case 4:
      return async (store) => ({ reset: await store.reset(queryOf(space, limit, now, actor, chat)) })
    case 5:
    case 6:
      return async (store) => store.peek(queryOf(space, limit, now, actor, chat))
    default: {
      const request = updateFrom(random, space, now, limits, actor, chat)
      return async (store) => store.decide(request)
    }
  }
}

function updateFrom(
  random: Random,
  space: string,
  now: number,
  limits: readonly LimitCheck[],
  actor: number,
  chat: number,
): DecisionRequest {
  const anonymous = random.once(15)
  const first = random.below(limits.length)
  const some = limits.slice(first, first + random.below(4))
  const placed = some.filter(({ scope }) => !anonymous || scope === 'global' || scope === 'own')
  const debounces = [debounceOf({ text: random.pick(['a', 'b']), notice: random.once(2), window: 700 })]
  return requestOf(space, {
    now,
    actor: anonymous ? undefined : actor,
    chat: anonymous ? undefined : chat,
    duplicate: random.once(3) ? { mark: hash53(`u${random.below(20)}`), window: 5_000 } : undefined,
    block: !random.once(4),
    registration: random.once(3) ? random.pick(['required', 'ask', 'vouched'] as const) : undefined,
    debounces: anonymous || random.once(2) ? [] : debounces,
    limits: placed.map((check) => ({ ...check, cost: random.pick([1, 1, 1, 0, 2, 5]) })),
    album: random.once(4) ? hash53(`album${random.below(4)}`) : undefined,
    notices: random.once(2) ? { blocked: random.once(2), unregistered: random.once(2) } : undefined,
  })
}

function limitFrom(random: Random, n: number, limiter: (typeof ALGORITHMS)[number] | Limiter): LimitCheck {
  const scope = random.pick(SCOPES)
  return limitOf({
    bucket: `limit${n}`,
    limiter,
    limit: 1 + random.below(4),
    window: random.pick(WINDOWS),
    countRefused: random.once(3),
    shadow: random.once(5),
    blockFor: random.once(5) ? 1_500 : 0,
    notice: random.once(2),
    scope,
    key: scope === 'own' ? `key${n % 2}` : undefined,
  })
}
