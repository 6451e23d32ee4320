/** Random updates of a bot with every kind of limit, and what its admins do meanwhile, for fast-check. */
import fc from 'fast-check'
import { hash53, mix53 } from '../../lib/keys'
import { ALGORITHMS } from '../../lib/limiters'
import type { DecisionRequest, LimitCheck, LimitState } from '../../lib/stores/decision'
import { Blocks, Registrations } from '../../lib/stores/records'
import type { StorageAdapter } from '../../lib/stores/store'
import { debounceOf, limitOf, START } from '../../lib/testing/contract/requests'
import type { LimitParts } from '../../lib/testing/contract/requests'

export type Check = LimitCheck
export type Update = DecisionRequest

/** An update in plain words, as a failing trace is printed. */
type Words = Omit<Update, 'now' | 'limits'> & { readonly limits: readonly LimitParts[] }

/** What an admin, or the bot, says of a user. */
export interface Told {
  readonly type: 'block' | 'unblock' | 'register' | 'unregister'
  readonly space: string
  readonly userId: number
  /** ms; `undefined`: without end. */
  readonly length?: number
  readonly profile?: unknown
}

/** So many ms; or until the last update would pass, or its limits are as good as new, give or take a millisecond. */
type Move = number | { readonly until: 'retry' | 'reset'; readonly plus: number }

export type Step = { readonly move: Move } & ({ readonly update: Words } | { readonly told: Told })

/** Updates that come together. */
export interface Crowd {
  readonly move: Move
  readonly updates: readonly Words[]
}

const SECOND = 1_000
const DAY = 86_400_000
const ACTORS = [7, 8, -1_001_234_567_890]
const KEYS = ['vip', "'\u0000:"]
const SCOPES = ['actor', 'actor', 'actor', 'chat', 'member', 'global', 'own'] as const

/** What a decision says of waiting. */
interface Waits {
  readonly retryAfter: number | undefined
  readonly limits: readonly LimitState[]
}

/** Time as a trace moves it. It goes back, but by less than stores keep what is over. */
export class Clock {
  now = START
  #latest = START

  advance(move: Move, last: readonly Waits[]): number {
    const now = this.now + (typeof move === 'number' ? move : awaited(move.until, last) + move.plus)
    this.now = Math.max(now, this.#latest - DAY / 2)
    this.#latest = Math.max(this.#latest, this.now)
    return this.now
  }
}

function awaited(until: 'retry' | 'reset', last: readonly Waits[]): number {
  const waits = last.map(({ retryAfter = 0, limits }) =>
    until === 'retry' ? retryAfter : Math.max(0, ...limits.map(({ resetAfter }) => resetAfter)),
  )
  return Math.max(0, ...waits)
}

/** Every bucket has one algorithm, window, burst and scope; its limit may differ from update to update. */
const buckets = fc
  .record({
    limiter: fc.constantFrom(...ALGORITHMS),
    scope: fc.constantFrom(...SCOPES),
    limit: fc.constantFrom(1, 2, 3, 5),
    window: fc.constantFrom(SECOND, 7, 9_973, 60 * SECOND, 30 * DAY, 3 * SECOND),
    countRefused: fc.boolean(),
    blockFor: fc.constantFrom(0, 0, 1_500, 20_000),
    burst: fc.constantFrom(0, 0, -1, 2),
  })
  .map(({ limit, burst, limiter, ...others }) => {
    const bursts = limiter === 'gcra' || limiter === 'token-bucket'
    return { ...others, limiter, limit, burst: bursts ? Math.max(1, limit + burst) : undefined }
  })

/** The bot's buckets: few, so that they fill. */
type Palette = readonly LimitParts[]
const palettes: fc.Arbitrary<Palette> = fc
  .array(buckets, { minLength: 4, maxLength: 4 })
  .map((some) => some.map((bucket, n) => ({ ...bucket, bucket: `bucket ${n}` })))

const checks = fc.uniqueArray(
  fc.record({
    slot: fc.constantFrom(0, 0, 0, 1, 1, 2, 3),
    key: fc.constantFrom(...KEYS),
    cost: fc.oneof(
      { weight: 6, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: fc.constantFrom(0, 2, 3, 9) },
    ),
    // A dynamic limit: now and then another number, or none at all.
    limit: fc.oneof(
      { weight: 9, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(0, 1, 4, 40) },
    ),
  }),
  { maxLength: 4, selector: ({ slot }) => slot },
)

const debounces = fc.uniqueArray(
  fc.record({
    scope: fc.constantFrom(...SCOPES),
    key: fc.constantFrom(...KEYS),
    text: fc.constantFrom('a', 'a', 'b'),
    window: fc.constant(2_000),
  }),
  { maxLength: 2, selector: ({ scope }) => scope },
)

const some = <T>(arbitrary: fc.Arbitrary<T>, freq: number): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq })

const whereabouts = {
  space: fc.constantFrom('one', 'one', 'one', 'two'),
  actor: fc.constantFrom(...ACTORS, 7, 7, 7, 7),
}

const drafts = fc.record({
  ...whereabouts,
  anonymous: fc.constantFrom(...new Array<boolean>(11).fill(false), true),
  chat: fc.constantFrom(7, 7, -500),
  duplicate: some(fc.record({ mark: fc.nat({ max: 3 }), window: fc.constant(5_000) }), 2),
  block: fc.boolean(),
  registration: fc.constantFrom(undefined, undefined, undefined, 'required', 'ask', 'vouched' as const),
  debounces,
  checks,
  /** The same as the one before: a repeat, or the refused one once more. */
  again: fc.constantFrom(false, false, true),
})

/** What only the whole judgement knows of. */
const extras = fc.record({
  album: some(fc.nat({ max: 3 }), 2),
  notices: some(fc.record({ blocked: fc.boolean(), unregistered: fc.boolean() }), 2),
  notice: fc.boolean(),
  shadow: fc.constantFrom(false, false, false, true),
})
type Extras = Partial<typeof extras extends fc.Arbitrary<infer T> ? T : never>
type Draft = typeof drafts extends fc.Arbitrary<infer T> ? T : never

function updateOf(draft: Draft, palette: Palette, { album, notices, notice = false, shadow }: Extras): Words {
  const { space, anonymous, chat, duplicate, block, registration } = draft
  // Where nobody acts, the flow sends what is global, the chat's and the scope functions'.
  const applies = ({ scope }: { scope?: string }): boolean =>
    !anonymous || (scope !== 'actor' && scope !== 'member')
  const keyed = (scope: string | undefined, key: string) => (scope === 'own' ? key : undefined)
  return {
    space,
    actor: anonymous ? undefined : draft.actor,
    chat,
    block,
    registration,
    duplicate: duplicate && { ...duplicate, mark: mix53(hash53('update'), duplicate.mark) },
    debounces: draft.debounces
      .filter(applies)
      .map(({ scope, key, ...others }) =>
        debounceOf({ ...others, bucket: `debounce ${scope}`, scope, key: keyed(scope, key), notice }),
      ),
    limits: draft.checks
      .map(({ slot, key, cost, limit }, n) => {
        const bucket = palette[slot]
        const dynamic = limit === undefined ? {} : { limit }
        return {
          ...bucket,
          ...dynamic,
          cost,
          key: keyed(bucket.scope, key),
          notice: !notice,
          shadow: shadow === true && n === 0,
        }
      })
      .filter(applies),
    album: album === undefined ? undefined : mix53(hash53('album'), album),
    notices,
  }
}

const tellings: fc.Arbitrary<Told> = fc
  .record({
    ...whereabouts,
    type: fc.constantFrom('block', 'unblock', 'register', 'register', 'unregister' as const),
    length: fc.constantFrom(undefined, 1, 2_500, 9_000),
    profile: fc.constantFrom(null, { plan: 'pro' }, '\u0000'),
  })
  .map(({ actor, ...told }) => ({ ...told, userId: actor }))

/** Mostly moments; the ends of waits; days; and back again. */
const moves: fc.Arbitrary<Move> = fc.oneof(
  { weight: 7, arbitrary: fc.constantFrom(0, 0, 0, 1, 2, 7) },
  {
    weight: 5,
    arbitrary: fc.record({
      until: fc.constantFrom('retry', 'retry', 'reset' as const),
      plus: fc.constantFrom(0, 0, -1, 1),
    }),
  },
  { weight: 3, arbitrary: fc.nat({ max: 2_500 }) },
  { weight: 1, arbitrary: fc.constantFrom(999, SECOND, 1_500, 2_000, 5_000, 60 * SECOND) },
  { weight: 1, arbitrary: fc.nat({ max: 3_000 }).map((ms) => -ms) },
  { weight: 1, arbitrary: fc.constantFrom(DAY, 31 * DAY, 3_600_000, -3_600_000) },
)

/** Updates and tellings; `full`: with all that a decision can be asked for, albums and notices too. */
export function traces(length: number, kind: 'plain' | 'full'): fc.Arbitrary<Step[]> {
  const extra: fc.Arbitrary<Extras> = kind === 'full' ? extras : fc.constant({})
  const steps = fc.oneof(
    { weight: 9, arbitrary: fc.record({ move: moves, draft: drafts, extra }) },
    { weight: 1, arbitrary: fc.record({ move: moves, told: tellings }) },
  )
  return fc.tuple(palettes, listOf(steps, length)).map(([palette, trace]) => {
    let last: Words | undefined
    return trace.map((step) => {
      if ('told' in step) return step
      const { move, draft, extra } = step
      last = draft.again && last !== undefined ? last : updateOf(draft, palette, extra)
      return { move, update: last }
    })
  })
}

/** Updates that come together, at most so many. */
export function crowds(length: number, together: number): fc.Arbitrary<Crowd[]> {
  const lots = listOf(fc.tuple(drafts, extras), together)
  return fc.tuple(palettes, listOf(fc.record({ move: moves, lots }), length)).map(([palette, trace]) =>
    trace.map(({ move, lots: lot }) => ({
      move,
      updates: lot.map(([draft, extra]) => updateOf(draft, palette, extra)),
    })),
  )
}

function listOf<T>(items: fc.Arbitrary<T>, most: number): fc.Arbitrary<T[]> {
  return fc.array(items, { minLength: 1, maxLength: most, size: 'max' })
}

/** The same to a store. */
export async function tellStore(store: StorageAdapter, told: Told, now: number): Promise<void> {
  const clock = (): number => now
  const blocks = new Blocks(store, told.space, clock)
  const registrations = new Registrations(store, told.space, clock)
  if (told.type === 'block')
    await blocks.add(told.userId, told.length === undefined ? {} : { for: told.length })
  if (told.type === 'unblock') await blocks.remove(told.userId)
  if (told.type === 'register') await registrations.add(told.userId, told.profile)
  if (told.type === 'unregister') await registrations.remove(told.userId)
}

/** What a step tells a store, in spaces of its own, so that runs can share a store. */
export function toldIn(told: Told, space: string): Told {
  return { ...told, space: `${space}-${told.space}` }
}

/** An update as a store is asked, in spaces of its own. */
export function updateIn(update: Words, now: number, space: string): Update {
  return { ...update, now, space: `${space}-${update.space}`, limits: update.limits.map(limitOf) }
}
