import * as fc from 'fast-check'
import { MOST_MARKS } from '../../../lib/stores/ledger-record'
import { MemoryStore } from '../../../lib/stores/memory'
import { readMark, rowOfMarks, rowWithMark, writeMark } from '../../../lib/stores/memory/marks'
import { request } from './requests'

const seed = Date.now() % 1_000_000

/** Marks that differ in their upper bits only. */
const alike = (count: number) => Array.from({ length: count }, (_, i) => 12_345 + i * 2 ** 31)

/** A row of marks as a record keeps it, at another place after every change. */
class Row {
  numbers = new Float64Array(0)
  at = 0
  room = 0
  rebuilt = false

  get(mark: number): number {
    return this.room === 0 ? -Infinity : readMark(this.numbers, this.at, this.room, mark)
  }

  set(mark: number, until: number, now: number): void {
    const { numbers, at, room } = this
    this.rebuilt = room === 0 || !writeMark(numbers, at, room, mark, until, now)
    if (room === 0) this.moveTo(rowOfMarks([[mark, until]]))
    else if (this.rebuilt) this.moveTo(rowWithMark(numbers, at, room, mark, until, now))
    else this.moveTo(numbers.slice(at, at + room))
  }

  private moveTo(row: Float64Array): void {
    this.at = (this.at + 1) % 5
    this.room = row.length
    // Its neighbours look like marks that hold.
    this.numbers = new Float64Array(this.at + row.length + 4).fill(7)
    this.numbers.set(row, this.at)
  }
}

/** Where a mark stands in a row of so many pairs without others. */
function homeOf(mark: number, pairs: number): number {
  const row = new Float64Array(2 * pairs)
  writeMark(row, 0, row.length, mark, 1, 0)
  return row.indexOf(mark + 1) / 2
}

describe(`marks (seed ${seed})`, () => {
  it.each([9, 300, 4096])('that differ in their upper bits only are all found, %d of them', (count) => {
    const row = new Row()
    const marks = alike(count)
    for (const [i, mark] of marks.entries()) row.set(mark, 1000 + i, 0)
    for (const [i, mark] of marks.entries()) expect(row.get(mark)).toBe(1000 + i)
    expect(row.room / 2).toBeLessThanOrEqual(4 * count)
    expect(rowOfMarks(marks.map((mark) => [mark, 1])).length / 2).toBeLessThanOrEqual(4 * count)
  })

  it('are told apart in decisions whatever their bits', () => {
    const store = new MemoryStore()
    const judge = (mark: number) => store.decide(request({ duplicate: { mark, window: 60_000 } })).reason
    expect(alike(300).map(judge)).toEqual(Array(300).fill(undefined))
    expect(alike(300).map(judge)).toEqual(Array(300).fill('duplicate'))
  })

  it('are found even when nine of them have one home in every row that is tried', () => {
    const groups = new Map<string, number[]>()
    let unlucky: number[] = []
    for (let mark = 1; unlucky.length < 9; mark++) {
      const homes = [15, 19, 24, 30].map((pairs) => homeOf(mark, pairs)).join()
      unlucky = groups.get(homes) ?? []
      unlucky.push(mark)
      groups.set(homes, unlucky)
    }
    const row = new Row()
    for (const mark of unlucky) row.set(mark, 100 + mark, 0)
    expect(row.room).toBe(2 * 15)
    for (const mark of unlucky) expect(row.get(mark)).toBe(100 + mark)
    // Setting one anew keeps it single; another finds a place too, and dead ones make room again.
    for (const mark of unlucky) row.set(mark, 200, 0)
    row.set(0.5, 300, 0)
    for (const mark of unlucky) expect(row.get(mark)).toBe(200)
    for (const mark of unlucky) row.set(mark + 0.5, 400, 250)
    for (const mark of unlucky) expect(row.get(mark + 0.5)).toBe(400)
    expect(row.get(0.5)).toBe(300)
    expect(row.room).toBeLessThanOrEqual(2 * 4 * 10)
  })

  it('hold until they end, and take no more room than four times that of the living, like a Map', () => {
    const mark = fc.oneof(
      fc.constantFrom(...alike(200)),
      fc.nat({ max: 40 }),
      fc.nat({ max: 100 }).map((i) => 2 ** 53 - 1 - i * 2 ** 32),
      fc.maxSafeNat(),
    )
    const step = fc.record({ mark, window: fc.integer({ min: 1, max: 900 }), later: fc.nat({ max: 3 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
        const row = new Row()
        const model = new Map<number, number>()
        let now = 0
        for (const { mark, window, later } of steps) {
          now += later
          row.set(mark, now + window, now)
          model.set(mark, now + window)
          for (const [known, until] of model) if (until <= now) model.delete(known)
          if (row.rebuilt) expect(row.room / 2).toBeLessThanOrEqual(4 * model.size)
          expect(row.get(mark)).toBe(now + window)
        }
        for (const [known, until] of model) expect(row.get(known)).toBe(until)
        for (const { mark } of steps) if (!model.has(mark)) expect(row.get(mark)).toBeLessThanOrEqual(now)
      }),
      { seed, numRuns: 100 },
    )
  })

  it('are forgotten only when there are too many, and then those that end first', () => {
    const row = new Row()
    const marks = alike(MOST_MARKS + 3000)
    for (const [i, mark] of marks.entries()) row.set(mark, 1000 + i, 0)
    for (const [i, mark] of marks.entries()) if (i >= 3000) expect(row.get(mark)).toBe(1000 + i)
    expect(row.room / 2).toBeLessThanOrEqual(4 * MOST_MARKS)
  })
})
