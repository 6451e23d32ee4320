/** Users' records in Redis: part of the user's string, with an index per group of users. */
import type { Block, Registration } from '../decision'
import { badCursor } from '../user-record'
import type {
  Meeting,
  RecordPlace,
  StoredMember,
  UserNamespace,
  UserRecordOf,
  UserRecordPage,
} from '../user-record'
import { ByteReader, ByteWriter } from './codec-bytes'
import { replyOf, unreadable } from './codec-reply'
import type { RedisConnection, Reply } from './connection'
import { actorKey, groupOf, GROUPS, indexKey } from './keys'
import { GROUP_MEMBERS, USER_RECORDS } from './script'

/** Users in one call: a call takes well under a millisecond of the server's time. */
const CHUNK = 250
/** Calls under way at the same time. */
const AT_ONCE = 32
/** Groups whose index is read at a time: at first, where calls may go to many servers, and at most. */
const FIRST_SPAN = 8
const WIDEST_SPAN = 512
const BROKEN = 2
/** Many records take longer than one decision may (ms). */
const PATIENCE = 30_000
/** Users looked at when a group's index is tidied. */
const TIDIED = 1000

type AnyRecord = UserRecordOf[UserNamespace]

interface User {
  readonly id: number
  readonly group: number
}

/** `group:id`: the list goes on after that user. */
interface Position {
  readonly group: number
  readonly after: number
}

export class RedisRecords {
  constructor(
    private readonly connection: RedisConnection,
    /** ms per call. */
    private readonly timeout: number,
  ) {}

  async find<N extends UserNamespace>(place: RecordPlace<N>, userId: number) {
    const [record] = await this.read(place, [userId], 'find')
    return record
  }

  drop<N extends UserNamespace>(place: RecordPlace<N>, userIds: readonly number[]) {
    return this.read(place, userIds, 'drop')
  }

  put<N extends UserNamespace>(
    place: RecordPlace<N>,
    records: readonly UserRecordOf[N][],
    meeting: Meeting,
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    const { namespace } = place
    const write = (writer: ByteWriter, record: UserRecordOf[N]): void => {
      writer.double(record.userId)
      writeRecord(writer, namespace, record)
    }
    const read = (reader: ByteReader, record: UserRecordOf[N]): UserRecordOf[N] | undefined => {
      const [stored, since] = [reader.byte(), reader.double()]
      return stored === 0 ? undefined : { ...record, since }
    }
    return this.eachUser(place, records, ({ userId }) => userId, ['put', meeting], { write, read })
  }

  async list<N extends UserNamespace>(
    place: RecordPlace<N>,
    { cursor, limit }: { cursor?: string; limit: number },
  ): Promise<UserRecordPage<UserRecordOf[N]>> {
    const records: UserRecordOf[N][] = []
    let at: Position | undefined = cursor === undefined ? { group: 0, after: -Infinity } : positionOf(cursor)
    let span = this.connection.topology === 'one' ? WIDEST_SPAN : FIRST_SPAN
    while (at !== undefined && records.length < limit) {
      const room = limit - records.length
      const { users, next }: { users: User[]; next: Position | undefined } = await this.users(
        place,
        at,
        span,
        room,
      )
      const found = await this.read(
        place,
        users.map(({ id }) => id),
        'list',
      )
      for (const record of found) if (record !== undefined) records.push(record)
      at = next
      span = Math.min(2 * span, WIDEST_SPAN)
    }
    return at === undefined ? { records } : { records, cursor: `${at.group}:${at.after}` }
  }

  /** Takes out of the index of a user's group whoever has no such record any more: one that has expired leaves its id there. */
  async tidy(place: RecordPlace, userId: number): Promise<void> {
    const group = groupOf(userId)
    const { users } = await this.users(place, { group, after: -Infinity }, 1, TIDIED)
    await this.read(
      place,
      users.map(({ id }) => id),
      'list',
    )
  }

  /** Up to `room` users of some groups in order, and where to go on. */
  private async users(
    { space, namespace }: RecordPlace,
    { group, after }: Position,
    span: number,
    room: number,
  ): Promise<{ users: User[]; next: Position | undefined }> {
    const end = Math.min(group + span, GROUPS)
    const keys = Array.from({ length: end - group }, (_, n) => indexKey(space, namespace, group + n))
    const lists = await this.members(keys, room, after)
    const users: User[] = []
    for (const [n, list] of lists.entries()) {
      for (let at = 0; at < list.length; at += 8) users.push({ id: list.readDoubleLE(at), group: group + n })
    }
    users.length = Math.min(users.length, room)
    const last = users.at(-1)
    if (users.length === room && last !== undefined)
      return { users, next: { group: last.group, after: last.id } }
    return { users, next: end < GROUPS ? { group: end, after: -Infinity } : undefined }
  }

  /** The ids of each group, as doubles: all in one call, or, on a Cluster, a call per group. */
  private async members(keys: readonly string[], room: number, after: number): Promise<Buffer[]> {
    const ask = (some: readonly string[], from: number) =>
      this.connection.run(GROUP_MEMBERS, some, [String(room), formatted(from)], PATIENCE)
    if (this.connection.topology === 'one') return listsOf(await ask(keys, after))
    const lists = await someAtOnce(keys, async (key) =>
      listsOf(await ask([key], key === keys[0] ? after : -Infinity)),
    )
    return lists.flat()
  }

  private read<N extends UserNamespace>(
    place: RecordPlace<N>,
    userIds: readonly number[],
    act: 'find' | 'drop' | 'list',
  ): Promise<(UserRecordOf[N] | undefined)[]> {
    const { namespace } = place
    return this.eachUser(place, userIds, (userId) => userId, [act], {
      write: (writer, userId) => writer.double(userId),
      read: (reader, userId) =>
        reader.byte() === 0 ? undefined : (readRecord(reader, namespace, userId) as UserRecordOf[N]),
    })
  }

  /** Runs the script over users, many in one call; on a Cluster those of one group. */
  private async eachUser<Item, Result>(
    { space, namespace }: RecordPlace,
    items: readonly Item[],
    idOf: (item: Item) => number,
    [act, meeting = '']: readonly [act: string, meeting?: string],
    { write, read }: Codec<Item, Result>,
  ): Promise<Result[]> {
    const results = new Array<Result>(items.length)
    await someAtOnce(this.chunks(items, idOf), async (chunk) => {
      const ids = chunk.map((index) => idOf(items[index]))
      const keys = ids.map((id) => actorKey(space, id))
      const indexes = ids.map((id) => indexKey(space, namespace, groupOf(id)))
      const writer = new ByteWriter()
      writer.int(chunk.length)
      for (const index of chunk) write(writer, items[index])
      const args = [writer.take(), act, namespace, meeting]
      const patience = items.length > 1 ? Math.max(PATIENCE, this.timeout) : this.timeout
      const reply = await this.connection.run(USER_RECORDS, [...keys, ...indexes], args, patience)
      const bytes = replyOf(reply)
      const reader = new ByteReader(bytes)
      for (const [place, index] of chunk.entries()) {
        if (reader.peek() === BROKEN) throw unreadable(keys[place])
        results[index] = read(reader, items[index])
      }
    })
    return results
  }

  private chunks<Item>(items: readonly Item[], idOf: (item: Item) => number): number[][] {
    const groups = new Map<number, number[]>()
    for (const [index, item] of items.entries()) {
      const group = this.connection.topology === 'one' ? 0 : groupOf(idOf(item))
      const some = groups.get(group)
      if (some === undefined) groups.set(group, [index])
      else some.push(index)
    }
    const chunks: number[][] = []
    for (const group of groups.values()) {
      for (let from = 0; from < group.length; from += CHUNK) chunks.push(group.slice(from, from + CHUNK))
    }
    return chunks
  }
}

interface Codec<Item, Result> {
  write(writer: ByteWriter, item: Item): void
  read(reader: ByteReader, item: Item): Result
}

/** since, then until or updateId, reachable, JSON of the rest. */
function writeRecord(writer: ByteWriter, namespace: UserNamespace, record: AnyRecord): void {
  if (namespace === 'members') {
    const { since, updateId, reachable } = record as StoredMember
    writer.double(since)
    writer.double(updateId)
    writer.byte(reachable ? 1 : 0)
    return writer.text('')
  }
  const { since, until = Infinity, ...others } = record as Block & Registration
  writer.double(since)
  writer.double(until)
  writer.byte(0)
  const text = JSON.stringify({ ...others, userId: undefined })
  writer.text(text === '{}' ? '' : text)
}

function readRecord(reader: ByteReader, namespace: UserNamespace, userId: number): AnyRecord {
  const since = reader.double()
  if (namespace === 'members') {
    const updateId = reader.double()
    return { userId, since, updateId, reachable: reader.byte() === 1 }
  }
  const until = namespace === 'blocks' ? reader.double() : Infinity
  const text = reader.text()
  const rest = text === '' ? {} : (JSON.parse(text) as object)
  return { ...rest, userId, since, ...(until < Infinity && { until }) }
}

function listsOf(reply: Reply): Buffer[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]).map(replyOf) : []
}

function formatted(after: number): string {
  return after === -Infinity ? '-inf' : String(after)
}

function positionOf(cursor: string): Position {
  const [, group, after] = /^(\d{1,4}):(-?\d{1,16}|-Infinity)$/.exec(cursor) ?? []
  if (group === undefined || Number(group) >= GROUPS) throw badCursor(cursor)
  return { group: Number(group), after: Number(after) }
}

/** Does all, in order, some at the same time. */
async function someAtOnce<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let from = 0; from < items.length; from += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map(act))))
  }
  return results
}
