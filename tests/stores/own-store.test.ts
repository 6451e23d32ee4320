import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { decide, limitOf, queryOf } from '../../lib/testing/contract/requests'
import { storeContract } from '../../lib/testing/store-contract'
import { FakeTelegram } from '../../lib/testing/fake-telegram'
import { createBot } from '../../samples/own-store/bot'
import { FileStore } from '../../samples/own-store/file-store'

const root = mkdtempSync(join(tmpdir(), 'own-store-'))
let folders = 0
const newFolder = (): string => join(root, String(++folders))
afterAll(() => rmSync(root, { recursive: true }))

const limit = limitOf({ limit: 40, window: 3_600_000, scope: 'global' })
const SPACE = 'test:file'

storeContract('FileStore', () => new FileStore(newFolder()), { steps: 40 })

function start(folder: string, hits: number): ChildProcess {
  return fork(resolve(__dirname, '../support/file-store-worker.ts'), [folder, String(hits)], {
    execArgv: ['-r', 'ts-node/register/transpile-only', '-r', resolve(__dirname, '../support/self.js')],
  })
}

/** The last count that a process reported before it ended. */
async function passedOf(child: ChildProcess): Promise<number> {
  let last = 0
  child.on('message', ({ passed = last }: { passed?: number }) => (last = passed))
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
  return last
}

async function connected(folder: string): Promise<FileStore> {
  const store = new FileStore(folder)
  await store.connect()
  return store
}

test('two processes at one file: the limit passes exactly once', async () => {
  const folder = newFolder()
  const passed = await Promise.all([start(folder, 100), start(folder, 100)].map(passedOf))
  expect(passed[0] + passed[1]).toBe(40)
  const store = await connected(folder)
  expect((await store.peek(queryOf(SPACE, limit))).remaining).toBe(0)
  expect(readdirSync(folder)).toEqual(['store.json'])
})

test('a process that is killed at work neither locks the file nor breaks it', async () => {
  const folder = newFolder()
  for (let round = 0; round < 3; round++) {
    const child = start(folder, 1e9)
    let reports = 0
    child.on('message', () => ++reports > 1 + round && child.kill('SIGKILL'))
    const [, signal] = await once(child, 'exit')
    expect(signal).toBe('SIGKILL')
  }
  const store = await connected(folder)
  const { remaining } = await store.peek(queryOf(SPACE, limit))
  expect(remaining).toBeLessThan(40)
  const hits = []
  for (let n = 0; n < 50; n++) hits.push(await decide(store, SPACE, { limits: [limit] }))
  expect(hits.filter(({ reason }) => reason === undefined)).toHaveLength(remaining)
})

test('a file that a dead process holds is taken over, with what it had written', async () => {
  const folder = newFolder()
  const store = await connected(folder)
  await store.swap('a', null, 1)
  const child = start(folder, 0)
  await once(child, 'exit')
  renameSync(join(folder, 'store.json'), join(folder, `held.${child.pid}.x`))
  writeFileSync(join(folder, 'draft'), '{"half')
  expect((await store.get('a'))?.value).toBe(1)
  await store.swap('b', null, 2)
  expect(readdirSync(folder)).toEqual(['store.json'])
})

test('records are there after a restart, and those past their time are collected', async () => {
  const folder = newFolder()
  const store = await connected(folder)
  await store.swap('kept', null, { n: 1 }, 60_000)
  await store.swap('over', null, { n: 2 }, -1)
  const again = await connected(folder)
  expect([(await again.get('kept'))?.value, await again.get('over')]).toEqual([{ n: 1 }, undefined])
  await again.swap('new', null, 3)
  expect(readFileSync(join(folder, 'store.json'), 'utf8')).not.toContain('over')
})

test('a folder that cannot be used is an error, not an endless wait', async () => {
  const file = join(root, 'file')
  writeFileSync(file, '')
  await expect(new FileStore(join(file, 'x')).connect()).rejects.toThrow()
  await expect(new FileStore(join(root, 'never-made')).get('a')).rejects.toThrow('ENOENT')
})

test('the bot’s limits survive a restart', async () => {
  const telegram = await FakeTelegram.start()
  const folder = newFolder()
  const ann = telegram.user()
  for (const heard of [3, 3]) {
    const bot = createBot(telegram.token, folder, { telegram: { apiRoot: telegram.apiRoot } })
    void bot.launch()
    for (let n = 0; n < 4; n++) ann.command('quote')
    await telegram.idle()
    bot.stop()
    expect(ann.heard().filter((text) => text.startsWith('Simplicity'))).toHaveLength(heard)
  }
  await telegram.stop()
})
