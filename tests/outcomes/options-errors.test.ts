import {
  Command,
  Controller,
  createSentinel,
  MemoryStore,
  RateLimit,
  SentinelOptionsError,
  type SentinelOptions,
} from 'telegraf-sentinel'
import { mistakes } from './mistakes'

@Controller()
class One {
  @Command('one')
  @RateLimit({ limit: 1, window: '1m', name: 'shared' })
  one() {}
}

test('right options are no mistake', () => {
  expect(mistakes(undefined)).toEqual({})
  expect(mistakes({})).toEqual({})
  expect(
    mistakes({
      store: new MemoryStore(),
      prefix: 'p',
      bot: 'b',
      controllers: [One, new One()],
      resolve: () => new One(),
      rateLimit: [
        { limit: 1, window: 5 },
        { limit: () => 1, window: '1d', name: 'x', algorithm: 'gcra', burst: 3 },
      ],
      debounce: { window: '1s', scope: 'chat' },
      requireRegistered: { reply: false },
      registration: { resolve: async () => null, cacheFor: '5m' },
      exempt: [1, -100],
      deduplicate: false,
      membership: false,
      reply: {
        limited: { en: 'x' },
        blocked: 'b',
        debounced: () => undefined,
        unregistered: false,
        'store-error': 'e',
      },
      onStoreError: 'throw',
      storeTimeout: 1,
      backpressure: { decisions: 1, hooks: undefined, replies: 100_000 },
      hooks: { before: [], after: () => undefined, timeout: '1m' },
      plugins: [{ name: 'a' }, { name: 'b', policy: { debounce: '1s' }, setup: () => undefined }],
      clock: Date,
    }),
  ).toEqual({})
})

test.each([5, 'memory', [], () => undefined])('options that are no object: %p', (options) => {
  expect(() => createSentinel(options as SentinelOptions)).toThrow(SentinelOptionsError)
})

const WRONG: [string, unknown, RegExp][] = [
  ['store', 'memcached://x', /'memcached/],
  ['store', {}, /StorageAdapter/],
  ['store', null, /null/],
  ['prefix', '', /non-empty/],
  ['bot', 5, /5/],
  ['controllers', One, /array/],
  ['resolve', 'x', /function/],
  ['rateLimit', true, /limit, window/],
  ['rateLimit', 5, /5/],
  ['debounce', true, /duration|number/],
  ['debounce', '5', /10s/],
  ['debounce', -1, /-1/],
  ['requireRegistered', 'yes', /true or/],
  ['registration', true, /./],
  ['exempt', ['42'], /'42'/],
  ['exempt', [1.5], /1.5/],
  ['exempt', 42, /42/],
  ['deduplicate', true, /duration/],
  ['deduplicate', 0, /0/],
  ['membership', 'yes', /true or false/],
  ['backpressure', 100, /object \{ decisions, hooks, replies \}/],
  ['reply', 'text', /by reason/],
  ['reply', true, /true/],
  ['onStoreError', 'ignore', /'allow', 'refuse' or 'throw'/],
  ['storeTimeout', 2 ** 31, /24 days/],
  ['storeTimeout', '30d', /24 days/],
  ['storeTimeout', Infinity, /Infinity/],
  ['storeTimeout', 0, /0/],
  ['hooks', () => undefined, /./],
  ['plugins', {}, /array/],
  ['clock', 5, /now/],
  ['clock', {}, /now/],
  ['clock', { now: 5 }, /now/],
  ['clock', null, /null/],
]

test.each(WRONG)('%s: %p', (name, value, message) => {
  const found = mistakes({ [name]: value })
  expect(Object.keys(found)).toEqual([name])
  expect(found[name]).toMatch(message)
})

test.each<[string, unknown, string, RegExp]>([
  ['rateLimit', { limit: 0, window: '1m' }, 'rateLimit.limit', /positive integer/],
  ['rateLimit', { limit: 1 }, 'rateLimit.window', /undefined/],
  ['rateLimit', { limit: 1, window: '1 fortnight' }, 'rateLimit.window', /fortnight/],
  ['rateLimit', { limit: 1, window: '1m', algorithm: 'leaky' }, 'rateLimit.algorithm', /sliding-window/],
  [
    'rateLimit',
    { limit: 1, window: '1m', algorithm: 'token_bucket' },
    'rateLimit.algorithm',
    /did you mean 'token-bucket'/,
  ],
  ['rateLimit', { limit: 1, window: '1m', scope: 'user' }, 'rateLimit.scope', /'actor'/],
  ['rateLimit', { limit: 1, window: '1m', burst: 5 }, 'rateLimit.burst', /token-bucket/],
  ['rateLimit', { limit: 1, window: '1m', blockfor: '1h' }, 'rateLimit.blockfor', /did you mean 'blockFor'/],
  ['rateLimit', [{ limit: 1, window: '1m' }, { limit: 1 }], 'rateLimit[1].window', /./],
  ['debounce', { window: 'soon' }, 'debounce.window', /soon/],
  ['debounce', { window: 1, fingerprint: 'text' }, 'debounce.fingerprint', /function/],
  ['debounce', { window: 1, finger: 1 }, 'debounce.finger', /./],
  ['requireRegistered', { replay: 'x' }, 'requireRegistered.replay', /did you mean 'reply'/],
  ['registration', () => null, 'registration', /must be an object \{ resolve, cacheFor \}, not function/],
  ['registration', { resolve: 5 }, 'registration.resolve', /function/],
  ['registration', { cacheFor: 'x' }, 'registration.cacheFor', /./],
  ['registration', { resolver: () => null }, 'registration.resolver', /did you mean 'resolve'/],
  ['backpressure', { decisions: 0 }, 'backpressure.decisions', /must be a positive integer, not 0/],
  ['backpressure', { hooks: '10' }, 'backpressure.hooks', /must be a positive integer, not '10'/],
  ['backpressure', { replies: Infinity }, 'backpressure.replies', /must be a positive integer, not Infinity/],
  ['backpressure', { decision: 5 }, 'backpressure.decision', /did you mean 'decisions'/],
  ['reply', { limitd: 'x' }, 'reply.limitd', /did you mean 'limited'/],
  ['reply', { limited: 5 }, 'reply.limited', /5/],
  ['reply', { limited: { en: 5 } }, 'reply.limited', /./],
  ['reply', { duplicate: 'x' }, 'reply.duplicate', /not an option/],
  ['hooks', { befor: () => 1 }, 'hooks.befor', /did you mean 'before'/],
  ['hooks', { after: 'x' }, 'hooks.after', /function/],
  ['hooks', { after: [() => 1, 'x'] }, 'hooks.after', /function/],
  ['hooks', { timeout: 2 ** 31 }, 'hooks.timeout', /24 days/],
  ['plugins', [null], 'plugins[0]', /null/],
  ['plugins', [{ name: 'a b' }], 'plugins[0].name', /letters/],
  ['plugins', [{ name: 'a' }, { name: 'a' }], 'plugins[1].name', /'a'/],
  ['plugins', [{ name: 'a', setup: 5 }], 'plugins[0].setup', /function/],
  ['plugins', [{ name: 'a', policy: 5 }], 'plugins[0].policy', /5/],
  [
    'plugins',
    [{ name: 'a', policy: { rateLimit: { limit: 1 } } }],
    'plugins[0].policy.rateLimit.window',
    /./,
  ],
  ['ratelimit', {}, 'ratelimit', /did you mean 'rateLimit'/],
  ['storeTimeOut', 5, 'storeTimeOut', /did you mean 'storeTimeout'/],
  ['__proto', 5, '__proto', /options are/],
])('%s: %p is wrong at %s', (name, value, path, message) => {
  const found = mistakes({ [name]: value })
  expect(Object.keys(found)).toEqual([path])
  expect(found[path]).toMatch(message)
})
