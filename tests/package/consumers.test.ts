import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { discard, node, OPTIONAL_PEERS, packed, project, projectWith, REQUIRED, TSC } from './packed'

jest.setTimeout(180_000)
afterAll(discard)

/** Sends a command five times to a bot that allows it three times in ten seconds. */
const SCENARIO = `
let bought = 0
const clock = new ManualClock()
const sentinel = createSentinel({ controllers: [Shop], clock })
const bot = new Telegraf('1:token')
bot.botInfo = { id: 1, is_bot: true, first_name: 'Bot', username: 'shop_bot', can_join_groups: true,
  can_read_all_group_messages: false, supports_inline_queries: false }
bot.telegram.callApi = () => Promise.reject(new Error('offline'))
bot.use(sentinel)

async function main() {
  for (let id = 1; id <= 5; id++) {
    await bot.handleUpdate({ update_id: id, message: { message_id: id, date: 1, text: '/buy',
      from: { id: 7, is_bot: false, first_name: 'A' }, chat: { id: 7, type: 'private', first_name: 'A' },
      entities: [{ type: 'bot_command', offset: 0, length: 4 }] } })
  }
  console.log('bought ' + bought)
}
main()
`

const PLAIN_SHOP = `
class Shop {
  buy() { bought++ }
}
Command('buy')(Shop.prototype, 'buy', Object.getOwnPropertyDescriptor(Shop.prototype, 'buy'))
RateLimit({ limit: 3, window: '10s' })(Shop.prototype, 'buy', Object.getOwnPropertyDescriptor(Shop.prototype, 'buy'))
Controller()(Shop)
`

const TYPED_SHOP = `
import 'reflect-metadata'
import { Telegraf, type Context } from 'telegraf'
import { Command, Controller, createSentinel, Debounce, RateLimit, RequireRegistered } from 'telegraf-sentinel'
import { ManualClock } from 'telegraf-sentinel/testing'

@Controller()
@RateLimit(30, '1m')
class Shop {
  @Command('buy')
  @RateLimit({ limit: 3, window: '10s' })
  async buy(_ctx: Context, _next: () => Promise<void>): Promise<void> { bought++ }

  @Command('sell')
  @Debounce('2s')
  @RequireRegistered()
  async sell(ctx: Context): Promise<void> { await ctx.reply('Sold.') }
}

// Only compiled, never called: run, they would throw.
export const mistakes = [
  // @ts-expect-error a limit without a window
  () => RateLimit({ limit: 3 }),
  // @ts-expect-error no such option
  () => createSentinel({ controllers: [Shop], rateLimits: false }),
]
${SCENARIO}`

async function shop(name: string, files: Record<string, string>): Promise<string> {
  const directory = project(await packed(), name)
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text)
  return directory
}

function tsconfig(options: Record<string, unknown>): string {
  const common = {
    target: 'ES2022',
    strict: true,
    skipLibCheck: true,
    types: ['node'],
    outDir: 'out',
    rootDir: '.',
  }
  return JSON.stringify({ compilerOptions: { ...common, ...options }, files: ['shop.ts'] })
}

describe('JavaScript', () => {
  it('requires it from CommonJS', async () => {
    const directory = await shop('cjs', {
      'shop.cjs': `
const { Telegraf } = require('telegraf')
const { Command, Controller, createSentinel, RateLimit } = require('telegraf-sentinel')
const { ManualClock } = require('telegraf-sentinel/testing')
${PLAIN_SHOP}${SCENARIO}`,
    })
    await expect(node(['shop.cjs'], directory)).resolves.toBe('bought 3\n')
  })

  it('imports its names into an ES module', async () => {
    const directory = await shop('esm', {
      'shop.mjs': `
import { Telegraf } from 'telegraf'
import { Command, Controller, createSentinel, RateLimit } from 'telegraf-sentinel'
import { ManualClock } from 'telegraf-sentinel/testing'
${PLAIN_SHOP}${SCENARIO}`,
    })
    await expect(node(['shop.mjs'], directory)).resolves.toBe('bought 3\n')
  })

  it('cannot reach what is not exported', async () => {
    const directory = await shop('private', { 'shop.cjs': "require('telegraf-sentinel/dist/sentinel.js')" })
    await expect(node(['shop.cjs'], directory)).rejects.toThrow(/ERR_PACKAGE_PATH_NOT_EXPORTED/)
  })
})

/** What loads a peer, as one would who has forgotten to install it. */
const LOADS: Readonly<Record<string, readonly string[]>> = {
  redis: [
    "new (require('telegraf-sentinel/redis').RedisStore)('redis://localhost')",
    "require('telegraf-sentinel').createSentinel({ store: 'redis://localhost' })",
  ],
  pg: [
    "new (require('telegraf-sentinel/postgres').PostgresStore)('postgres://localhost/bot')",
    "require('telegraf-sentinel').createSentinel({ store: 'postgres://localhost/bot' })",
  ],
  '@electric-sql/pglite': [
    "new (require('telegraf-sentinel/postgres').PostgresStore)('pglite:data')",
    "require('telegraf-sentinel').createSentinel({ store: 'pglite:data' })",
  ],
  '@nestjs/common': ["require('telegraf-sentinel/nestjs')"],
  '@nestjs/core': ["require('telegraf-sentinel/nestjs')"],
  rxjs: ["require('telegraf-sentinel/nestjs')"],
}

describe('without a package', () => {
  it.each(OPTIONAL_PEERS)('says what to install: %s', async (missing) => {
    const others = [...REQUIRED, ...OPTIONAL_PEERS].filter((name) => name !== missing)
    const directory = projectWith(others, await packed(), `without ${missing.replace('/', ' ')}`)
    const attempts = LOADS[missing].map(
      (load) =>
        `try { ${load}; console.log('nothing is said') } catch ({ message }) { console.log(message) }`,
    )
    const said = (await node(['-e', attempts.join('\n')], directory)).trim().split('\n')
    expect(said).toEqual(
      LOADS[missing].map(() => expect.stringContaining(`npm install ${missing}`) as string),
    )
  })

  it('names all that are missing at once', async () => {
    const directory = projectWith(REQUIRED, await packed(), 'without optional ones')
    await expect(node(['-e', "require('telegraf-sentinel/nestjs')"], directory)).rejects.toThrow(
      'npm install @nestjs/common @nestjs/core rxjs',
    )
  })

  // npm installs these by itself; who tells it not to sees which one is missing.
  it.each(['telegraf', 'reflect-metadata'])('that has to be there, Node names it: %s', async (missing) => {
    const others = REQUIRED.filter((name) => name !== missing)
    const directory = projectWith(others, await packed(), `without ${missing}`)
    await expect(node(['-e', "require('telegraf-sentinel')"], directory)).rejects.toThrow(
      `Cannot find module '${missing}`,
    )
  })
})

describe.each([
  ['experimental decorators', { experimentalDecorators: true }],
  ['standard decorators', { experimentalDecorators: false }],
])('TypeScript with %s', (title, decorators) => {
  it.each([
    ['node16', 'commonjs', { module: 'node16', moduleResolution: 'node16' }],
    ['nodenext', 'module', { module: 'nodenext', moduleResolution: 'nodenext' }],
    // What a bundler leaves for Node: its packages are not bundled.
    ['bundler', 'module', { module: 'esnext', moduleResolution: 'bundler' }],
  ])('compiles and runs under %s, "type": "%s"', async (way, type, resolution) => {
    const directory = await shop(`${title} ${way}`, {
      'package.json': JSON.stringify({ type }),
      'tsconfig.json': tsconfig({ ...resolution, ...decorators }),
      'shop.ts': TYPED_SHOP,
    })
    await node([TSC, '-p', '.'], directory)
    await expect(node(['out/shop.js'], directory)).resolves.toBe('bought 3\n')
  })
})
