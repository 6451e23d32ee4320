/** Single buckets: forgotten, or carried over from a group's chat id to its supergroup's. */
import { limitId } from '../../keys'
import type { Place, Scope } from '../decision'
import type { Whereabouts } from '../record-keys'
import type { MovedBucket } from '../store'
import { ByteWriter } from './codec-bytes'
import type { RedisConnection, Reply } from './connection'
import { escapeGlob } from './entry-keys'
import { subjectKey } from './keys'
import { SUBJECT_BUCKETS } from './script'

const SCAN_COUNT = '1000'
/** Subjects moved at the same time. */
const AT_ONCE = 32

export class RedisMoves {
  constructor(
    private readonly connection: RedisConnection,
    /** ms per call. */
    private readonly timeout: number,
  ) {}

  /** Forgets one bucket of one subject. */
  async drop(where: Whereabouts, place: Place, bucket: string): Promise<void> {
    await this.run(subjectKey(where, place), 'drop', [idOf(bucket)])
  }

  /** Moves the chat- and member-scoped buckets of a chat to where the new chat has none. */
  async moveChat(space: string, from: number, to: number, buckets: readonly MovedBucket[]): Promise<void> {
    const ofChat = idsOf(buckets, 'chat')
    const chat = (id: number): string =>
      subjectKey({ space, actor: undefined, chat: id }, { scope: 'chat', key: undefined })
    await this.move(chat(from), chat(to), ofChat)
    const ofMembers = idsOf(buckets, 'member')
    if (ofMembers.length === 0) return
    for await (const keys of this.memberKeys(space, from)) {
      for (let at = 0; at < keys.length; at += AT_ONCE) {
        const some = keys.slice(at, at + AT_ONCE)
        await Promise.all(some.map((key) => this.move(key, withChat(key, to), ofMembers)))
      }
    }
  }

  /** Given before it is dropped: a crash in between leaves it in both chats, never in none. */
  private async move(from: string, to: string, ids: readonly Buffer[]): Promise<void> {
    if (ids.length === 0 || from === to) return
    const states = await this.run(from, 'take', ids)
    if (!Array.isArray(states) || states.length === 0) return
    await this.run(to, 'give', states.filter(Buffer.isBuffer))
    await this.run(from, 'drop', ids)
  }

  private async *memberKeys(space: string, chat: number): AsyncGenerator<string[]> {
    const pattern = `${escapeGlob(space)}:member:{*}:*.${chat}`
    for (const node of await this.connection.masters()) {
      let cursor = '0'
      do {
        const args = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT]
        const reply = await this.connection.command(args, this.timeout, node)
        const [next, keys] = Array.isArray(reply) ? (reply as readonly Reply[]) : []
        cursor = String(next)
        yield Array.isArray(keys) ? (keys as readonly Reply[]).map(String) : []
      } while (cursor !== '0')
    }
  }

  private run(key: string, act: 'take' | 'give' | 'drop', parts: readonly Buffer[]): Promise<Reply> {
    return this.connection.run(SUBJECT_BUCKETS, [key], [act, ...parts], this.timeout)
  }
}

function idsOf(buckets: readonly MovedBucket[], scope: Scope): Buffer[] {
  return buckets.filter((moved) => moved.scope === scope).map(({ bucket }) => idOf(bucket))
}

function idOf(bucket: string): Buffer {
  const writer = new ByteWriter()
  writer.double(limitId(bucket))
  return writer.take()
}

/** The key of the same member in another chat: its group is the actor's, so the tag stays. */
function withChat(key: string, chat: number): string {
  return `${key.slice(0, key.lastIndexOf('.'))}.${chat}`
}
