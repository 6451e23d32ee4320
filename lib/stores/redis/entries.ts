/** The four primitives on Redis: one string per record, which begins with its version. */
import { randomBytes } from 'node:crypto'
import type { Entry, KeyedEntry, ScanPage, Version } from '../store'
import { parseCursor, startOf, stringifyCursor } from './cursor'
import type { Cursor } from './cursor'
import { scriptOf } from './connection'
import type { RedisConnection, Reply } from './connection'
import { decodeKey, encodeKey, escapeGlob, isEncodedKey } from './entry-keys'

/** `<version> <expiresAt, or nothing> <JSON>`. */
const FORMAT = /^(\S+) (\d*) /

/** A record whose ttl is beyond this (ms) is kept: Redis refuses deadlines that overflow its clock. */
const LONGEST_TTL = 8.64e15

/** Names looked at in one SCAN, and SCANs for one page: a page may be empty, but it never takes long. */
const SCAN_COUNT = 1000
const MOST_SCANS = 10

/** ARGV: the version that is expected with a `=` before it, or nothing; the new record; its ttl (ms), or nothing. */
const SWAP = scriptOf(`
local held = redis.call('GET', KEYS[1])
local version = held and '=' .. string.match(held, '^%S+') or ''
if version ~= ARGV[1] then return 0 end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
`)

/** ARGV: the version. */
const DELETE = scriptOf(`
local held = redis.call('GET', KEYS[1])
if not held or string.match(held, '^%S+') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`)

export async function getEntry(
  connection: RedisConnection,
  key: string,
  timeout: number,
): Promise<Entry | undefined> {
  return entryOf(await connection.command(['GET', encodeKey(key)], timeout))
}

export async function swapEntry(
  connection: RedisConnection,
  key: string,
  expected: Version | null,
  value: unknown,
  { ttl = Infinity, timeout }: { ttl?: number; timeout: number },
): Promise<Version | null> {
  // 72 random bits: no two writers, now or ever, choose the same.
  const version = randomBytes(9).toString('base64url')
  const px = ttl < LONGEST_TTL ? Math.max(1, Math.ceil(ttl)) : undefined
  const expiresAt = px === undefined ? '' : Date.now() + px
  const swapped = await connection.run(
    SWAP,
    [encodeKey(key)],
    [
      expected === null ? '' : `=${expected}`,
      `${version} ${expiresAt} ${JSON.stringify(value)}`,
      String(px ?? ''),
    ],
    timeout,
  )
  return swapped === 1 ? version : null
}

export async function deleteEntry(
  connection: RedisConnection,
  key: string,
  expected: Version | undefined,
  timeout: number,
): Promise<boolean> {
  const name = encodeKey(key)
  const deleted =
    expected === undefined
      ? await connection.command(['DEL', name], timeout)
      : await connection.run(DELETE, [name], [String(expected)], timeout)
  return deleted === 1
}

/**
 * One page of the records whose keys start with `prefix`, over all masters. Redis may name more than was asked for:
 * the rest waits in the cursor, so that none is lost.
 */
export async function scanEntries(
  connection: RedisConnection,
  prefix: string,
  { cursor, limit, timeout }: { cursor?: string; limit: number; timeout: number },
): Promise<ScanPage> {
  const masters = await connection.masters()
  let at: Cursor | undefined = cursor === undefined ? startOf(masters) : parseCursor(cursor, masters)
  const entries: KeyedEntry[] = []
  for (let scans = 0; at !== undefined && entries.length < limit;) {
    if (at.pending.length > 0) {
      const keys: string[] = at.pending.slice(0, limit - entries.length)
      entries.push(...(await readAll(connection, keys, timeout)))
      at = { ...at, pending: at.pending.slice(keys.length) }
    } else if (scans++ < MOST_SCANS) {
      at = await scanOn(connection, prefix, at, masters, timeout)
    } else break
    if (at?.pending.length === 0 && at.node === undefined) at = undefined
  }
  return at === undefined ? { entries } : { entries, cursor: stringifyCursor(at) }
}

/** Asks the cursor's node for more names. */
async function scanOn(
  connection: RedisConnection,
  prefix: string,
  { node, at, done }: Cursor,
  masters: readonly string[],
  timeout: number,
): Promise<Cursor | undefined> {
  if (node === undefined) return undefined
  const match = `${escapeGlob(encodeKey(prefix))}*`
  const args = ['SCAN', at, 'MATCH', match, 'COUNT', String(SCAN_COUNT)]
  const [next, names] = asScan(await connection.command(args, timeout, node))
  const keys = names.map(String).filter(isEncodedKey).map(decodeKey)
  const pending = [...new Set(keys)].filter((key) => key.startsWith(prefix))
  if (next !== '0') return { node, at: next, done, pending }
  const visited = [...done, node]
  return { node: masters.find((master) => !visited.includes(master)), at: '0', done: visited, pending }
}

async function readAll(
  connection: RedisConnection,
  keys: readonly string[],
  timeout: number,
): Promise<KeyedEntry[]> {
  const entries = await Promise.all(keys.map((key) => getEntry(connection, key, timeout)))
  return entries.flatMap((entry, index) => (entry === undefined ? [] : [{ key: keys[index], ...entry }]))
}

function entryOf(reply: Reply): Entry | undefined {
  if (reply === null) return undefined
  const text = String(reply)
  const [head, version, expiresAt] = FORMAT.exec(text) ?? ['', '', '']
  const entry = { value: JSON.parse(text.slice(head.length)) as unknown, version }
  return expiresAt === '' ? entry : { ...entry, expiresAt: Number(expiresAt) }
}

function asScan(reply: Reply): [next: string, names: readonly Reply[]] {
  const [next, names] = Array.isArray(reply) ? (reply as readonly Reply[]) : []
  return [String(next), Array.isArray(names) ? (names as readonly Reply[]) : []]
}
