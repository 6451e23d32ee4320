import { execFile } from 'node:child_process'
import { join } from 'node:path'

const ROOT = join(__dirname, '../..')

/** Runs a program that has this package as `sentinel`, and waits until it exits by itself. */
function run(program: string): Promise<{ code: number | null; out: string; errors: string }> {
  const source = `
    const sentinel = require('./lib')
    const { createUpdates } = require('./lib/testing')
    const { MapStore } = require('./tests/support/map-store')
    const { Telegraf } = require('telegraf')
    const updates = createUpdates()
    const bot = new Telegraf('1:x', { telegram: { apiRoot: 'http://127.0.0.1:9' } })
    bot.botInfo = { id: 1, is_bot: true, first_name: 'B', username: 'b' }
    const main = async () => { ${program} }
    main().then(() => console.log('done'))`
  return new Promise((resolve) => {
    const args = ['-r', 'ts-node/register/transpile-only', '-e', source]
    execFile(process.execPath, args, { cwd: ROOT, timeout: 20_000 }, (error, out, errors) => {
      resolve({ code: error === null ? 0 : ((error.code as number | undefined) ?? null), out, errors })
    })
  })
}

const FULL = `
  store: STORE,
  rateLimit: [{ limit: 2, window: '30d' }, { name: 'd', limit: async () => 5, window: '1h' }],
  debounce: '7d', deduplicate: '7d', storeTimeout: '20d', reply: false,
  registration: { resolve: async () => ({}), cacheFor: '7d' }, requireRegistered: true,
  hooks: { before: async () => {}, allowed: async () => {}, after: async () => {}, timeout: '20d' },`

describe('a process exits by itself, without close()', () => {
  test.concurrent.each(['undefined', 'new MapStore()'])('after updates and records on %s', async (store) => {
    const result = await run(`
      const s = sentinel.createSentinel({ ${FULL.replace('STORE', store)} })
      bot.use(s)
      bot.use(() => console.log('handled'))
      for (let i = 0; i < 3; i++) await bot.handleUpdate(updates.text('hi ' + i))
      await s.blocks.add(7, { for: '30d' })
      await s.registrations.add(7)
      await s.limits.consume('bot', { userId: 8 })
      console.log((await s.health()).status)`)
    expect(result).toEqual({ code: 0, out: 'handled\nhandled\nok\ndone\n', errors: '' })
  })

  test.concurrent('while a hook, a limit and a store never answer', async () => {
    const result = await run(`
      const hang = () => new Promise(() => {})
      const s = sentinel.createSentinel({ ${FULL.replace('STORE', 'undefined')} exempt: () => false })
      const t = sentinel.createSentinel({ rateLimit: { limit: hang, window: '1m' }, storeTimeout: '1d' })
      const u = sentinel.createSentinel({ hooks: { before: hang, timeout: '1d' } })
      for (const one of [s, t, u]) {
        const own = new Telegraf('1:x', { handlerTimeout: 1e9 })
        own.botInfo = bot.botInfo
        own.use(one)
        // Telegraf's own handler timeout would hold the process: the middleware alone is asked.
        void one.middleware()(Object.assign(Object.create(own.context), { update: updates.text('hi'), botInfo: bot.botInfo }), async () => {})
      }`)
    expect(result).toMatchObject({ code: 0, out: 'done\n' })
  })

  test.concurrent('after close() too', async () => {
    const result = await run(`
      const s = sentinel.createSentinel({ ${FULL.replace('STORE', 'undefined')} })
      bot.use(s)
      await bot.handleUpdate(updates.text('hi'))
      await s.close()`)
    expect(result).toEqual({ code: 0, out: 'done\n', errors: '' })
  })
})

describe('nothing of ours ends a process', () => {
  test.concurrent('functions that reject where they should not be asynchronous', async () => {
    const result = await run(`
      const reject = () => Promise.reject(new Error('late'))
      const s = sentinel.createSentinel({
        rateLimit: [
          { name: 'a', limit: reject, window: 1000 },
          { name: 'b', limit: 1, window: 1000, cost: reject },
          { name: 'c', limit: 1, window: 1000, scope: reject },
        ],
        debounce: { window: 1000, fingerprint: reject },
        exempt: reject, reply: reject,
        hooks: { before: reject, allowed: reject, refused: reject, after: reject },
      })
      for (const name of ['allowed', 'hookError', 'limited']) s.on(name, reject)
      process.on('warning', ({ message }) => console.log(message))
      bot.use(s)
      bot.use(() => console.log('handled'))
      await bot.handleUpdate(updates.text('hi'))
      await new Promise((resolve) => setImmediate(resolve))`)
    expect(result.code).toBe(0)
    expect(result.out).toContain('handled\n')
    expect(result.out).toContain('a hookError listener failed: late\n')
    expect(result.out).toContain('done\n')
  })
})
