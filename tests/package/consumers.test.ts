import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { discard, node, packed, project, TSC } from './packed'

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

  it.each([
    ['redis', 'RedisStore', 'redis://localhost', 'redis'],
    ['postgres', 'PostgresStore', 'postgres://localhost/bot', 'pg'],
    ['postgres', 'PostgresStore', 'pglite:data', '@electric-sql/pglite'],
  ])('says what to install for a store: %s, %s', async (entry, name, url, missing) => {
    const directory = await shop(`no ${missing.replace('/', ' ')}`, {
      'shop.cjs': `
const { createSentinel } = require('telegraf-sentinel')
const { ${name} } = require('telegraf-sentinel/${entry}')
const attempts = [() => new ${name}('${url}'), () => createSentinel({ store: '${url}' })]
for (const attempt of attempts) {
  try { attempt(); console.log('nothing is said') } catch ({ message }) { console.log(message) }
}`,
    })
    const said = (await node(['shop.cjs'], directory)).trim().split('\n')
    expect(said).toHaveLength(2)
    for (const line of said) expect(line).toContain(`npm install ${missing}`)
  })

  it('cannot reach what is not exported', async () => {
    const directory = await shop('private', { 'shop.cjs': "require('telegraf-sentinel/dist/sentinel.js')" })
    await expect(node(['shop.cjs'], directory)).rejects.toThrow(/ERR_PACKAGE_PATH_NOT_EXPORTED/)
  })
})

describe.each([
  ['experimental decorators', { experimentalDecorators: true }],
  ['standard decorators', { experimentalDecorators: false }],
])('TypeScript with %s', (title, decorators) => {
  it.each([
    ['commonjs', { module: 'node16', moduleResolution: 'node16' }],
    ['module', { module: 'node16', moduleResolution: 'node16' }],
  ])('compiles and runs under node16, "type": "%s"', async (type, resolution) => {
    const directory = await shop(`${title} ${type}`, {
      'package.json': JSON.stringify({ type }),
      'tsconfig.json': tsconfig({ ...resolution, ...decorators }),
      'shop.ts': TYPED_SHOP,
    })
    await node([TSC, '-p', '.'], directory)
    await expect(node(['out/shop.js'], directory)).resolves.toBe('bought 3\n')
  })

  it('compiles for a bundler', async () => {
    const directory = await shop(`${title} bundler`, {
      'package.json': JSON.stringify({ type: 'module' }),
      'tsconfig.json': tsconfig({ module: 'esnext', moduleResolution: 'bundler', ...decorators }),
      'shop.ts': TYPED_SHOP,
    })
    await expect(node([TSC, '-p', '.'], directory)).resolves.toBe('')
  })
})
