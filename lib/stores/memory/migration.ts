/** Carries a group's counters over to the supergroup that it became. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { MovedBucket } from '../store'
import type { Memory } from './memory'
import { deadlineWord, type Page } from './slab'
import type { Bucket } from './spaces'
import { keepUntil, roomOf, rowOf } from './subjects'

/** Slots looked at before others get a turn. */
const LOOKS = 32_768

/** Moves the chat's and its members' buckets, each where the new chat has none. */
export async function moveChat(
  memory: Memory,
  spaceName: string,
  from: number,
  to: number,
  moved: readonly MovedBucket[],
): Promise<void> {
  const { subjects } = memory
  const space = memory.space(spaceName)
  const ofChat = bucketsOf(memory, moved, 'chat')
  subjects.find(space.chats, from, 0)
  if (subjects.at >= 0) moveBuckets(memory, subjects.page, subjects.at, ofChat, to, 0)
  const ofMembers = bucketsOf(memory, moved, 'member')
  let looks = 0
  // The old group is silent by now, so its members' records stay where they are while we look for them.
  for (const page of subjects.slab.pages.filter(({ table }) => table === space.members)) {
    for (let at = 0; at < page.used * page.size; at += page.size) {
      if (page.words[deadlineWord(at)] === 0 || page.numbers[at + page.table.header - 1] !== from) continue
      moveBuckets(memory, page, at, ofMembers, page.numbers[at], to)
    }
    looks += page.used
    if (looks < LOOKS) continue
    looks = 0
    await nextTurn()
  }
}

function bucketsOf({ buckets }: Memory, moved: readonly MovedBucket[], scope: string): Bucket[] {
  return buckets.named(new Set(moved.filter((each) => each.scope === scope).map(({ bucket }) => bucket)))
}

function moveBuckets(
  memory: Memory,
  page: Page,
  at: number,
  buckets: readonly Bucket[],
  id: number,
  second: number,
): void {
  const { subjects } = memory
  for (const bucket of buckets) {
    const row = rowOf(page, at, bucket.number)
    if (row < 0) continue
    const room = roomOf(page, row)
    subjects.find(page.table, id, second)
    if (subjects.at < 0 || rowOf(subjects.page, subjects.at, bucket.number) < 0) {
      const values = page.numbers.slice(row, row + room)
      if (subjects.at < 0) subjects.create(page.table, id, second, bucket.number, values, room)
      else subjects.replace(bucket.number, values, room)
      keepUntil(subjects.page, subjects.at, page.words[deadlineWord(at)])
    } else if (bucket.kernel === undefined) memory.states.delete(page.numbers[row])
    // The old row is as good as new, and goes with its record.
    if (bucket.kernel === undefined) page.numbers[row] = memory.newState()
    else bucket.kernel.move(bucket.fresh, 0, page.numbers, row, room)
  }
}
