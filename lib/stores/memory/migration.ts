/** Carries a group's counters over to the supergroup that it became. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { MovedBucket } from '../store'
import type { Memory } from './memory'
import { deadlineOf, filledOf, keepUntil, lengthOf, roomOf, rowOf } from './records'
import { offsetOf, type Slab } from './slab'
import type { Bucket } from './spaces'
import type { Table } from './table'

/** Bins looked at before others get a turn. */
const LOOKS = 16_384

interface Address {
  readonly id: number
  readonly second: number
}

/** Moves the chat's and its members' buckets, each where the new chat has none. */
export async function moveChat(
  memory: Memory,
  spaceName: string,
  from: number,
  to: number,
  moved: readonly MovedBucket[],
): Promise<void> {
  const { chats, members } = memory.space(spaceName)
  const ofChat = bucketsOf(memory, moved, 'chat')
  moveBuckets(memory, chats, ofChat, { id: from, second: 0 }, { id: to, second: 0 })
  const ofMembers = bucketsOf(memory, moved, 'member')
  if (ofMembers.length === 0) return
  for (const actor of await actorsIn(memory.subjects.slab, members, from)) {
    moveBuckets(memory, members, ofMembers, { id: actor, second: from }, { id: actor, second: to })
  }
}

/** The actors of whom anything is kept in a chat. The old group is silent by now, so there will be no others. */
async function actorsIn(slab: Slab, members: Table, chat: number): Promise<Set<number>> {
  const actors = new Set<number>()
  const { bins } = members
  let count = bins.count
  for (let bin = 0; bin < bins.count; bin++) {
    collectActors(actors, slab, members, bin, chat)
    if (bin % LOOKS !== LOOKS - 1) continue
    await nextTurn()
    // A bin that was taken away may have put its records where we have been.
    if (bins.count < count) bin = -1
    count = bins.count
  }
  return actors
}

function collectActors(actors: Set<number>, slab: Slab, members: Table, bin: number, chat: number): void {
  const handle = members.bins.get(bin)
  if (handle === 0) return
  const page = slab.pageOf(handle)
  const start = offsetOf(page, handle)
  const end = start + filledOf(page, start)
  for (let at = start; at < end; at += lengthOf(page, at)) {
    if (page.numbers[at + members.header - 1] === chat) actors.add(page.numbers[at])
  }
}

function bucketsOf({ buckets }: Memory, moved: readonly MovedBucket[], scope: string): Bucket[] {
  return buckets.named(new Set(moved.filter((each) => each.scope === scope).map(({ bucket }) => bucket)))
}

function moveBuckets(
  memory: Memory,
  table: Table,
  buckets: readonly Bucket[],
  from: Address,
  to: Address,
): void {
  const { subjects } = memory
  for (const { number } of buckets) {
    subjects.find(table, from.id, from.second)
    if (subjects.at < 0) return
    const { page, at } = subjects
    const row = rowOf(page, at, number)
    if (row < 0) continue
    const room = roomOf(page, row)
    const values = page.numbers.slice(row, row + room)
    const deadline = deadlineOf(page, at)
    subjects.find(table, to.id, to.second)
    const isFree = subjects.at < 0 || rowOf(subjects.page, subjects.at, number) < 0
    if (isFree) {
      if (subjects.at < 0) subjects.create(table, to.id, to.second, number, values, room)
      else subjects.replace(number, values, room)
      keepUntil(subjects.page, subjects.at, deadline)
    }
    subjects.find(table, from.id, from.second)
    // The state of a user's own limiter has moved too, and must not go with the old row that refers to it.
    if (isFree) subjects.page.numbers[rowOf(subjects.page, subjects.at, number)] = 0
    subjects.cut(number)
  }
}
