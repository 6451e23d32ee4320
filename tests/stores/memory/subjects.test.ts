import * as fc from 'fast-check'
import { Collector } from '../../../lib/stores/memory/collector'
import { readMark, rowOfMarks, writeMark } from '../../../lib/stores/memory/marks'
import { Table } from '../../../lib/stores/memory/table'
import { filledOf, hashAt, lengthOf, roomOf, rowOf } from '../../../lib/stores/memory/records'
import { offsetOf } from '../../../lib/stores/memory/slab'
import { Subjects } from '../../../lib/stores/memory/subjects'
import { IDS } from './requests'

const seed = Date.now() % 1_000_000

interface Operation {
  readonly table: number
  readonly id: number
  readonly second: number
  readonly bucket: number
  readonly room: number
}

const operations: fc.Arbitrary<Operation> = fc.record({
  table: fc.nat({ max: 2 }),
  id: fc.oneof(fc.constantFrom(...IDS), fc.integer({ min: -3000, max: 3000 })),
  second: fc.constantFrom(...IDS),
  bucket: fc.integer({ min: 2, max: 5 }),
  // 0 drops the section, -1 the record.
  room: fc.oneof(fc.integer({ min: -1, max: 12 }), fc.constantFrom(33, 40, 41, 300, 20_000)),
})

function rowFor({ id, bucket, room }: Operation): Float64Array {
  return new Float64Array(room).fill(id + bucket / 8)
}

/** mulberry32, for traces too long for fast-check. */
function randomOf(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** The id of every record, read from the bins themselves. */
function* idsIn({ slab }: Subjects, { bins }: Table): Generator<number> {
  for (let bin = 0; bin < bins.count; bin++) {
    const handle = bins.get(bin)
    if (handle === 0) continue
    const page = slab.pageOf(handle)
    const start = offsetOf(page, handle)
    for (let at = start; at < start + filledOf(page, start); at += lengthOf(page, at)) {
      expect(bins.of(hashAt(page, at))).toBe(bin)
      yield page.numbers[at]
    }
  }
}

describe(`Subjects (seed ${seed})`, () => {
  it('finds every record with all its sections, however they grow, shrink and go', () => {
    fc.assert(
      fc.property(fc.array(operations, { maxLength: 400 }), (trace) => {
        const dropped: number[] = []
        const subjects = new Subjects((bucket) => dropped.push(bucket))
        const tables = [0, 1, 2].map((seed) => new Table(subjects.slab, seed, seed === 2))
        const model = new Map<string, { at: Operation; rows: Map<number, Operation> }>()
        let gone = 0
        for (const operation of trace) {
          const table = tables[operation.table]
          const second = table.paired ? operation.second : 0
          const name = `${operation.table} ${operation.id} ${second}`
          subjects.find(table, operation.id, second)
          const known = model.get(name)
          expect(subjects.at >= 0).toBe(known !== undefined)
          if (operation.room < 0) {
            if (known === undefined) continue
            gone += known.rows.size
            subjects.free()
            model.delete(name)
          } else if (operation.room === 0) {
            if (known === undefined) continue
            subjects.cut(operation.bucket)
            if (known.rows.delete(operation.bucket)) gone++
            if (known.rows.size === 0) model.delete(name)
          } else if (known === undefined) {
            subjects.create(table, operation.id, second, operation.bucket, rowFor(operation), operation.room)
            model.set(name, { at: operation, rows: new Map([[operation.bucket, operation]]) })
          } else {
            subjects.replace(operation.bucket, rowFor(operation), operation.room)
            known.rows.set(operation.bucket, operation)
          }
        }
        expect(dropped).toHaveLength(gone)
        expect(subjects.size).toBe(model.size)
        expect(tables.reduce((sum, { size }) => sum + size, 0)).toBe(model.size)
        if (model.size === 0) expect(subjects.slab.pages.every(({ live }) => live === 0)).toBe(true)
        for (const { at, rows } of model.values()) {
          const table = tables[at.table]
          subjects.find(table, at.id, table.paired ? at.second : 0)
          for (const bucket of [2, 3, 4, 5]) {
            const row = rowOf(subjects.page, subjects.at, bucket)
            const expected = rows.get(bucket)
            expect(row >= 0).toBe(expected !== undefined)
            if (expected === undefined) continue
            expect(roomOf(subjects.page, row)).toBe(expected.room)
            expect(subjects.page.numbers.slice(row, row + expected.room)).toEqual(rowFor(expected))
          }
        }
      }),
      { seed, numRuns: 200 },
    )
  })

  it('keeps thousands of records apart while their bins split, merge and move', () => {
    const subjects = new Subjects(() => undefined)
    const table = new Table(subjects.slab, 7, false)
    const model = new Map<number, number>()
    const random = randomOf(seed)
    let mistaken = 0
    // Mostly growing at first, mostly shrinking later.
    for (let step = 0; step < 60_000; step++) {
      const id = 5_000_000_000 + 6997 * Math.floor(random() * 5000)
      subjects.find(table, id, 0)
      if (subjects.at >= 0 !== model.has(id)) mistaken++
      if (random() < step / 60_000) {
        if (subjects.at >= 0) subjects.free()
        model.delete(id)
        continue
      }
      const room = 1 + Math.floor(random() * (step % 100 === 0 ? 500 : 20))
      const row = new Float64Array(room).fill(id)
      if (subjects.at >= 0) subjects.replace(2, row, room)
      else subjects.create(table, id, 0, 2, row, room)
      model.set(id, room)
    }
    expect(mistaken).toBe(0)
    for (const [id, room] of model) {
      subjects.find(table, id, 0)
      const row = rowOf(subjects.page, subjects.at, 2)
      expect(roomOf(subjects.page, row)).toBe(room)
      expect(subjects.page.numbers.slice(row, row + room)).toEqual(new Float64Array(room).fill(id))
    }
    expect([...idsIn(subjects, table)].sort((a, b) => a - b)).toEqual([...model.keys()].sort((a, b) => a - b))
  })

  it('uses freed room again and gives whole pages back', () => {
    const subjects = new Subjects(() => undefined)
    const table = new Table(subjects.slab, 0, false)
    const row = new Float64Array(1)
    const size = () => subjects.slab.pages.reduce((sum, { numbers }) => sum + numbers.length, 0)
    for (let id = 1; id <= 20_000; id++) subjects.create(table, id, 0, 2, row, 1)
    const full = size()
    for (let round = 0; round < 20; round++) {
      for (let id = 1; id <= 20_000; id += 1 + (round % 3)) {
        subjects.find(table, id, 0)
        subjects.free()
      }
      for (let id = 1; id <= 20_000; id += 1 + (round % 3)) subjects.create(table, id, 0, 2, row, 1)
      expect(size()).toBeLessThan(1.5 * full)
      expect(subjects.size).toBe(20_000)
    }
    for (let id = 1; id <= 20_000; id++) {
      subjects.find(table, id, 0)
      subjects.free()
    }
    expect(subjects.size).toBe(0)
    new Collector(subjects).sweep(0)
    expect(subjects.slab.pages).toEqual([])
  })
})

describe('marks', () => {
  it('are all found, and reuse the place of dead ones', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ mark: fc.maxSafeNat(), lives: fc.boolean() }), { minLength: 1, maxLength: 500 }),
        (marks) => {
          const until = new Map(marks.map(({ mark, lives }) => [mark, lives ? 200 : 50]))
          const row = rowOfMarks([...until])
          for (const [mark, time] of until) expect(readMark(row, 0, row.length, mark)).toBe(time)
          const dead = [...until].find(([, time]) => time === 50)
          if (until.size > 8 || dead === undefined) return
          expect(writeMark(row, 0, row.length, 0.5, 300, 100)).toBe(true)
          expect(readMark(row, 0, row.length, 0.5)).toBe(300)
          for (const [mark, time] of until)
            if (time > 100) expect(readMark(row, 0, row.length, mark)).toBe(time)
        },
      ),
      { seed },
    )
  })
})
