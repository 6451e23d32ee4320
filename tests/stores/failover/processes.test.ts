/** The journal's file, and processes that end as they like. Redis is real. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { RedisStore } from '../../../lib/stores/redis'
import { TYPESCRIPT } from '../../hammer/workers'
import type { FailoverWord } from '../../support/failover-worker'
import { startRedis, type RedisServer } from '../../support/servers/redis'
import { idsOf, SPACE } from './support'

const WORKER = resolve(__dirname, '../../support/failover-worker.ts')
const folder = mkdtempSync(join(tmpdir(), 'sentinel-failover-processes-'))
const file = join(folder, 'journal')
let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(async () => {
  await redis.stop()
  rmSync(folder, { recursive: true })
})

class Bot {
  readonly words: FailoverWord[] = []
  readonly #child: ChildProcess

  constructor(bans: 'bans' | '') {
    this.#child = fork(WORKER, [redis.url, file, SPACE, bans], { execArgv: TYPESCRIPT })
    this.#child.on('message', (word: FailoverWord) => void this.words.push(word))
  }

  /** The first word for which it holds. */
  async says(holds: (word: FailoverWord) => boolean): Promise<FailoverWord> {
    for (;;) {
      const word = this.words.find(holds)
      if (word !== undefined) return word
      const abort = new AbortController()
      const { signal } = abort
      const ended = once(this.#child, 'exit', { signal }).then(() =>
        Promise.reject(new Error('it has ended')),
      )
      await Promise.race([once(this.#child, 'message', { signal }), ended]).finally(() => {
        ended.catch(() => undefined)
        abort.abort()
      })
    }
  }

  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  get banned(): number {
    return this.words.reduce((most, { banned = 0 }) => Math.max(most, banned), 0)
  }
}

test('bans of a process that was killed while Redis was away are in Redis after its next start', async () => {
  await redis.kill()
  const first = new Bot('bans')
  try {
    await first.says(({ banned = 0 }) => banned >= 200)
    // Not while it lives: a second one beside it.
    const beside = new Bot('')
    const { failed } = await beside.says((word) => word.failed !== undefined)
    expect(failed).toMatch(/^the journal .* is open in process \d+: each process needs a file of its own/)
  } finally {
    await first.kill()
  }
  expect(readFileSync(file, 'utf8').length).toBeGreaterThan(1_000)
  await redis.restart()
  const second = new Bot('')
  // Redis has the journal before it serves.
  expect(await second.says(({ status }) => status !== undefined)).toEqual({
    status: expect.any(String) as string,
  })
  const store = new RedisStore(redis.url)
  await store.connect()
  const inRedis = new Set(await idsOf(store, 'blocks'))
  await store.close()
  const told = Array.from({ length: first.banned }, (_, n) => n + 1)
  const lifted = (userId: number): boolean => userId % 10 === 5 && userId + 5 <= first.banned
  expect(told.filter((userId) => inRedis.has(userId) === lifted(userId))).toEqual([])
  expect(readFileSync(file, 'utf8')).toBe('')
}, 90_000)
