/** The published types compile for those who have an older Telegraf or redis, also where libraries are checked as well. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { discard, packed, project, ROOT } from '../../package/packed'

jest.setTimeout(180_000)
afterAll(discard)

const CONSUMER = `
import 'reflect-metadata'
import { createClient, createClientPool, createCluster } from 'redis'
import { Pool } from 'pg'
import { Scenes, session, Telegraf, type Context, type NarrowedContext } from 'telegraf'
import { message } from 'telegraf/filters'
import type { Update } from 'telegraf/types'
import {
  Action, Command, Controller, createSentinel, Debounce, Hears, InlineQuery, On, RateLimit, RequireRegistered, sentinelOf,
  Start, Use, type Sentinel, type Verdict,
} from 'telegraf-sentinel'
import { PostgresStore } from 'telegraf-sentinel/postgres'
import { RedisStore } from 'telegraf-sentinel/redis'
import { createUpdates, FakeTelegram } from 'telegraf-sentinel/testing'

interface Mine extends Context { mine: string; scene: Scenes.SceneContextScene<Mine>; session: Scenes.SceneSession }

@Controller()
@RateLimit(30, '1m')
class Shop {
  @Start() start(ctx: Context & { startPayload: string }) { return ctx.reply(ctx.startPayload) }
  @Command('buy') @RateLimit({ limit: (ctx) => ctx.chat?.id ?? 1, window: '10s' })
  buy(ctx: Context & { payload: string }, next: () => Promise<void>) { return ctx.payload === '' ? next() : ctx.reply('.') }
  @Hears(/x/) @Debounce({ window: '2s', fingerprint: (ctx) => ctx.updateType })
  hears(ctx: Context & { match: RegExpExecArray }) { return ctx.reply(ctx.match[0]) }
  @Action('like') @RequireRegistered() like(ctx: NarrowedContext<Context, Update.CallbackQueryUpdate>) { return ctx.answerCbQuery() }
  @On(message('sticker')) @On(['message', 'photo']) on() {}
  @InlineQuery('q') query(ctx: NarrowedContext<Context, Update.InlineQueryUpdate>) { return ctx.answerInlineQuery([]) }
  @Use() use(_ctx: Context, next: () => Promise<void>) { return next() }
}

const sentinel: Sentinel<Mine> = createSentinel<Mine>({
  controllers: [Shop],
  store: new RedisStore(createClient()),
  exempt: (ctx) => ctx.mine === '',
  hooks: { refused: (ctx, verdict: Verdict) => void [ctx.mine, verdict] },
})
export const stores = [
  new RedisStore(createClientPool()), new RedisStore(createCluster({ rootNodes: [] })), new RedisStore({ client: createClient() }),
  new PostgresStore(new Pool()),
]
const scene = new Scenes.BaseScene<Mine>('cart')
scene.use(sentinel.scan(Shop))
const bot = new Telegraf<Mine>('')
bot.use(session(), sentinel, new Scenes.Stage<Mine>([scene]).middleware())
bot.command('a', sentinel.guard({ name: 'a', rateLimit: { limit: 3, window: '10s' } }), (ctx) => ctx.reply(ctx.mine))
bot.on('message', (ctx) => { const { limits } = sentinelOf(ctx).verdict; void limits.length })
export const update: Update = createUpdates().text('hi')
export const telegram: Promise<FakeTelegram> = FakeTelegram.start()
`

const MODULES = join(ROOT, 'node_modules')

test.each([
  ['4.11', 'redis-5'],
  ['4.13', 'redis'],
])('on telegraf %s and %s', async (telegraf, redis) => {
  const installed = await packed()
  const { directory } = installed
  const folder = project(installed, `telegraf ${telegraf}, ${redis}`)
  const file = join(folder, 'consumer.ts')
  writeFileSync(file, CONSUMER)
  const theirs = join(MODULES, `telegraf-${telegraf}`)
  const dist = join(directory, 'dist')
  const paths = {
    telegraf: [join(theirs, 'typings/index.d.ts')],
    'telegraf/*': [join(theirs, '*.d.ts')],
    redis: [join(MODULES, redis, 'dist/index.d.ts')],
    pg: [join(MODULES, '@types/pg/index.d.ts')],
    'telegraf-sentinel': [join(dist, 'index.d.ts')],
    'telegraf-sentinel/testing': [join(dist, 'testing/index.d.ts')],
    'telegraf-sentinel/*': [join(dist, 'stores/*/index.d.ts')],
  }
  expect(errorsOf(file, paths, { skipLibCheck: true })).toEqual([])
  // What is wrong in other libraries is theirs; nothing may be in ours.
  const all = errorsOf(file, paths, { skipLibCheck: false })
  expect(all.filter((line) => !line.startsWith(MODULES))).toEqual([])
})

function errorsOf(file: string, paths: ts.MapLike<string[]>, more: ts.CompilerOptions): string[] {
  const program = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.decorators.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    strict: true,
    experimentalDecorators: true,
    esModuleInterop: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(MODULES, '@types')],
    paths,
    ...more,
  })
  const found = program.getSourceFiles().map(({ fileName }) => fileName)
  // Not the newest Telegraf beside it, which would prove nothing.
  expect(found.filter((name) => name.startsWith(join(MODULES, 'telegraf/')))).toEqual([])
  return ts.getPreEmitDiagnostics(program).map((one) => {
    const text = ts.flattenDiagnosticMessageText(one.messageText, '\n')
    return `${one.file?.fileName ?? ''}:${(one.file?.getLineAndCharacterOfPosition(one.start ?? 0).line ?? 0) + 1} ${text}`
  })
}
