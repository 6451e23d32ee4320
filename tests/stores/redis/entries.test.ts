/** What the contract does not ask of the primitives: keys as strange as they come, SCAN's habits, Redis' limits. */
import { createClient } from 'redis'
import { connectionOf } from '../../../lib/stores/redis/connect'
import type { RedisConnection } from '../../../lib/stores/redis/connection'
import { deleteEntry, getEntry, scanEntries, swapEntry } from '../../../lib/stores/redis/entries'
import { anyRedis } from '../../support/servers/redis'
import { AMPLE, failureOf } from './probe'

const timeout = AMPLE
let server: Awaited<ReturnType<typeof anyRedis>>
let connection: RedisConnection
/** Ours alone on a server that may be anybody's. */
const own = `entries-test-${process.pid}-${Date.now()}`

beforeAll(async () => {
  server = await anyRedis()
  connection = connectionOf(server.url, { timeout })
})
afterAll(async () => {
  for (const { key } of await listAll(own, 1000)) await deleteEntry(connection, key, undefined, timeout)
  await connection.close()
  await server.stop()
})

const STRANGE = [
  ...[
    '',
    ' ',
    '{',
    '}',
    '{a}',
    '{a',
    'a}',
    '|',
    '|007b',
    '%',
    '*',
    '?',
    '[a-c]',
    '[^a]',
    '\\',
    '\\*',
    '^',
    '-',
  ],
  ...['\u0000', '\ud800', '\udc00', '\udc00\ud800', '\ufffd', '💥', 'ключ', '\r\n', 'x'.repeat(10_000)],
]

test('any string is a key of its own', async () => {
  for (const [n, name] of STRANGE.entries()) {
    expect(await swapEntry(connection, `${own}:strange:${name}`, null, n, { timeout })).not.toBeNull()
  }
  for (const [n, name] of STRANGE.entries()) {
    expect((await getEntry(connection, `${own}:strange:${name}`, timeout))?.value).toBe(n)
  }
  const listed = await listAll(`${own}:strange:`, 5)
  expect(listed.map(({ key }) => key).sort()).toEqual(STRANGE.map((name) => `${own}:strange:${name}`).sort())
})

test('a prefix is text, whatever it has in common with a pattern', async () => {
  for (const name of STRANGE) await swapEntry(connection, `${own}:prefix:${name}:1`, null, 1, { timeout })
  for (const name of STRANGE) {
    const prefix = `${own}:prefix:${name}`
    const wanted = STRANGE.filter((other) => `${own}:prefix:${other}:1`.startsWith(prefix))
    expect([name, (await listAll(prefix, 100)).length]).toEqual([name, wanted.length])
  }
})

test('it lists records only: what the packed subjects are called is none', async () => {
  await swapEntry(connection, `${own}:mixed:a`, null, 1, { timeout })
  await connection.command(['SET', `${own}:mixed:{00f}:42`, 'not a record'], timeout)
  expect((await listAll(`${own}:mixed:`, 10)).map(({ key }) => key)).toEqual([`${own}:mixed:a`])
  await connection.command(['DEL', `${own}:mixed:{00f}:42`], timeout)
})

test('of thousands each is listed once, in pages as small as asked for', async () => {
  const keys = Array.from({ length: 3000 }, (_, n) => `${own}:many:${n}`)
  await Promise.all(keys.map((key) => swapEntry(connection, key, null, 1, { timeout })))
  for (const limit of [50, 500, 10_000]) {
    const found = await listAll(`${own}:many:`, limit)
    expect(found.map(({ key }) => key).sort()).toEqual([...keys].sort())
  }
})

test('a version is no text of the value, and of its key’s only', async () => {
  const key = `${own}:version`
  const first = await swapEntry(connection, key, null, '= \n x', { timeout })
  expect(await swapEntry(connection, key, '', 1, { timeout })).toBeNull()
  expect(await swapEntry(connection, key, `=${first}`, 1, { timeout })).toBeNull()
  expect(await deleteEntry(connection, key, '', timeout)).toBe(false)
  expect(await deleteEntry(connection, key, 0, timeout)).toBe(false)
  expect((await getEntry(connection, key, timeout))?.value).toBe('= \n x')
  expect(await deleteEntry(connection, key, first ?? '', timeout)).toBe(true)
})

test.each([
  [0.2, 1],
  [1.5, 2],
  [60_000, 60_000],
  [2 ** 31, 2 ** 31],
  [9e15, undefined],
  [1e300, undefined],
  [Infinity, undefined],
  [undefined, undefined],
])('a ttl of %p ms is one of %p', async (ttl, kept) => {
  const key = `${own}:ttl`
  await deleteEntry(connection, key, undefined, timeout)
  const before = Date.now()
  expect(await swapEntry(connection, key, null, 1, { ttl, timeout })).not.toBeNull()
  const left = Number(await connection.command(['PTTL', key], timeout))
  const entry = await getEntry(connection, key, timeout)
  if (kept === undefined) {
    expect([left, entry?.expiresAt]).toEqual([-1, undefined])
  } else if (kept < 1000) {
    // It is gone already, or about to.
    expect(left).toBeLessThanOrEqual(kept)
    expect(left).not.toBe(-1)
  } else {
    expect(Math.abs(left - kept)).toBeLessThan(5000)
    expect(Math.abs((entry?.expiresAt ?? 0) - before - kept)).toBeLessThan(5000)
  }
})

test('what has expired is neither found nor listed', async () => {
  const key = `${own}:expired:a`
  await swapEntry(connection, key, null, 1, { ttl: 1, timeout })
  while ((await getEntry(connection, key, timeout)) !== undefined) await connection.command(['PING'], timeout)
  expect(await listAll(`${own}:expired:`, 10)).toEqual([])
  expect(await swapEntry(connection, key, null, 2, { timeout })).not.toBeNull()
})

test('a megabyte comes back as it was', async () => {
  const value = { text: '\u0000\ud800💥'.repeat(100_000) }
  await swapEntry(connection, `${own}:large`, null, value, { timeout })
  expect((await getEntry(connection, `${own}:large`, timeout))?.value).toEqual(value)
})

test.each(['', '0', '{}', '[]', '{"at":1}', 'null', '{"at":"0","done":[],"pending":1}'])(
  'the cursor %p is refused',
  async (cursor) => {
    const failure = await failureOf(scanEntries(connection, own, { cursor, limit: 1, timeout }))
    expect(failure.name).toBe('SentinelUsageError')
  },
)

test('it works the same on RESP2 and RESP3', async () => {
  for (const RESP of [2, 3] as const) {
    const other = connectionOf(createClient({ url: server.url, RESP }), { timeout })
    const key = `${own}:resp${RESP}`
    const version = await swapEntry(other, key, null, { a: 1 }, { timeout })
    expect(await getEntry(other, key, timeout)).toEqual({ value: { a: 1 }, version })
    expect(await listAll(key, 10, other)).toHaveLength(1)
    expect(await deleteEntry(other, key, version ?? '', timeout)).toBe(true)
    await other.close()
  }
})

async function listAll(prefix: string, limit: number, on = connection) {
  const all = []
  let cursor: string | undefined
  do {
    const page = await scanEntries(on, prefix, { cursor, limit, timeout })
    expect(page.entries.length).toBeLessThanOrEqual(limit)
    all.push(...page.entries)
    cursor = page.cursor
  } while (cursor !== undefined)
  return all
}
