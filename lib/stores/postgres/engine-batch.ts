/** Writes requests as the argument of the function `decide`: every place, bucket, mark, rule and record once. */
import { mix53 } from '../../keys'
import type { DebounceCheck, DecisionRequest, LimitCheck, Place } from '../decision'
import { ALBUM_PASSED, ALBUM_REFUSED, NOTICE_CODE } from '../judge'
import { placeKey } from '../record-keys'
import { RuleBook } from './engine-rules'
import { shapeOf, SLIM, usualNumbers, WIDE, type UsualRequest } from './engine-usual'
import { BETWEEN, KINDS, REQUEST, SLOT_SIZE } from './sql/decide-format'
import type { UsualShape } from './sql/decide-format'
import { numberArray, textArray } from './sql/quote'

/** Until the places are in order, a slot or mark is written as `place * LOCAL + number within the place`. */
const LOCAL = 2 ** 20

/** What a batch touches of one place. */
interface Rows {
  readonly key: string
  /** In order of first use. */
  readonly number: number
  /** Numbers of the place's slots, by the bucket's id. */
  readonly slots: Map<number, number>
  /** A slot's rule: the first that was used. */
  readonly rules: number[]
  /** Numbers of the place's marks, by their ids. */
  readonly marks: Map<number, number>
  firstSlot: number
  firstMark: number
  /** Requests that touch it, and the last of them. */
  visits: number
  visitor: number
}

/** Requests of one moment, judged in one statement. */
export class EngineBatch {
  readonly requests: DecisionRequest[] = []
  /** Where each request's registration stands among the records, from 1; 0: it is not looked at. */
  readonly registrations: number[] = []
  /** What a usual request of the batch may have. */
  shape: UsualShape = SLIM
  readonly #rules = new RuleBook()
  readonly #places = new Map<string, Rows>()
  readonly #asked: number[] = []
  /** Positions in `#asked` that still hold `place * LOCAL + number`. */
  readonly #slotsAt: number[] = []
  readonly #marksAt: number[] = []
  readonly #records = new Map<string, number>()
  readonly #spaces: string[] = []
  /** Numbers of the records' spaces, from 1. */
  readonly #about: number[] = []
  /** Where each request starts, from 1. */
  readonly #starts: number[] = []
  /** Requests that may be usual, by the number of their place. */
  readonly #usual = new Map<number, UsualRequest>()
  /** Places of the request that is being written. */
  readonly #visited: number[] = []
  readonly #users: number[] = []
  readonly #kinds: number[] = []

  constructor(readonly now: number | undefined) {}

  /** Whether a request can be judged with the others: at their moment, and with no bucket by another clockwork. */
  fits(request: DecisionRequest): boolean {
    return request.now === this.now && request.limits.every((check) => this.#rules.fits(check))
  }

  /**
   * Adds a request to those that are judged.
   *
   * @throws SentinelUsageError for a check whose scope needs an id that the request has not; nothing was added then.
   */
  add(request: DecisionRequest): void {
    const { length } = this.#asked
    const { length: records } = this.registrations
    try {
      this.#write(request)
      this.requests.push(request)
      this.#starts.push(length + 1)
    } catch (error) {
      this.#asked.length = length
      this.registrations.length = records
      for (const positions of [this.#slotsAt, this.#marksAt]) {
        while (positions.length > 0 && positions[positions.length - 1] >= length) positions.pop()
      }
      throw error
    }
  }

  /** The argument of `decide`. */
  text(): string {
    const places = [...this.#places.values()]
    const inOrder = [...places].sort((a, b) => (a.key < b.key ? -1 : 1))
    const slots: number[] = []
    const marks: number[] = []
    inOrder.forEach((rows, index) => {
      rows.firstSlot = slots.length / 2
      rows.firstMark = marks.length / 2
      for (const rule of rows.rules) slots.push(index + 1, rule)
      for (const id of rows.marks.keys()) marks.push(index + 1, id)
    })
    const asked = this.#asked.slice()
    for (const at of this.#slotsAt) {
      const local = asked[at] % LOCAL
      asked[at] = (places[(asked[at] - local) / LOCAL].firstSlot + local) * SLOT_SIZE + 1
    }
    for (const at of this.#marksAt) {
      const local = asked[at] % LOCAL
      asked[at] = places[(asked[at] - local) / LOCAL].firstMark + local + 1
    }
    return [
      this.now === undefined ? '' : String(Math.floor(this.now)),
      textArray(inOrder.map(({ key }) => key)),
      numberArray(this.#usualOf(inOrder)),
      numberArray(this.#rules.numbers),
      textArray(this.#spaces),
      String(this.requests.length),
      numberArray(inOrder.flatMap(({ firstSlot, firstMark }) => [2 * firstSlot, 2 * firstMark])),
      numberArray(slots),
      numberArray(marks),
      numberArray(this.#about),
      numberArray(this.#users),
      numberArray(this.#kinds),
      numberArray(asked),
      numberArray(this.#starts),
      textArray(this.#rules.notes),
    ].join(BETWEEN)
  }

  /** What may be usual, by place: a request that no other of the batch shares its place with. */
  #usualOf(places: readonly Rows[]): number[] {
    const usual = places.map(({ number, visits }) => (visits === 1 ? this.#usual.get(number) : undefined))
    return usual.every((found) => found === undefined) ? [] : usualNumbers(usual, this.shape)
  }

  #write(request: DecisionRequest): void {
    const { actor, duplicate, registration, debounces, limits, album } = request
    const asked = this.#asked
    this.#visited.length = 0
    const home = actor === undefined ? undefined : this.#rows(request, { scope: 'actor', key: undefined })
    const notices = home === undefined ? undefined : request.notices
    let flags = 0
    if (duplicate !== undefined) flags |= REQUEST.duplicate
    if (album !== undefined) flags |= REQUEST.album
    if (notices !== undefined) flags |= REQUEST.notices
    let block = 0
    let registered = 0
    if (actor !== undefined) {
      if (request.block) flags |= REQUEST.block
      if (request.block || limits.some(({ blockFor }) => blockFor > 0))
        block = this.#record(request, actor, 'blocks')
      if (registration !== undefined) registered = this.#record(request, actor, 'registrations')
      if (registration === 'required') flags |= REQUEST.required
      if (registration === 'ask') flags |= REQUEST.ask
    }
    asked.push(flags, debounces.length, limits.length, block, registered)
    if (duplicate !== undefined) {
      this.#mark(home ?? this.#rows(request, { scope: 'global', key: undefined }), duplicate.mark)
      asked.push(duplicate.window)
    }
    if (notices !== undefined) {
      this.#notice(notices.blocked ? home : undefined, NOTICE_CODE.blocked, 0)
      this.#notice(notices.unregistered ? home : undefined, NOTICE_CODE.unregistered, 0)
    }
    const toldOf = (check: DebounceCheck | LimitCheck): Rows | undefined =>
      notices !== undefined && check.notice ? home : undefined
    for (const check of debounces) {
      const rows = check.scope === 'actor' && home !== undefined ? home : this.#rows(request, check)
      this.#mark(rows, check.mark)
      asked.push(check.window)
      this.#notice(toldOf(check), NOTICE_CODE.debounced, check.id)
      this.#album(rows, album, check.id)
    }
    for (const check of limits) {
      const rows = check.scope === 'actor' && home !== undefined ? home : this.#rows(request, check)
      const rule = this.#rules.offsetOf(check)
      asked.push(rule)
      this.#slot(rows, check.id, rule)
      this.#notice(toldOf(check), NOTICE_CODE.limited, check.id)
      this.#album(rows, album, check.id)
    }
    this.registrations.push(registered)
    if (this.#visited.length === 1) this.#markUsual(request, this.#visited[0])
  }

  /** Notes a request that is all in one place, if it can be a usual one. */
  #markUsual(request: DecisionRequest, place: number): void {
    const shape = shapeOf(request)
    if (shape === undefined) return
    this.#usual.set(place, { number: this.requests.length + 1, space: this.#space(request.space), request })
    if (shape === WIDE) this.shape = WIDE
  }

  /** The number of a space, from 1. */
  #space(space: string): number {
    const at = this.#spaces.indexOf(space)
    return at < 0 ? this.#spaces.push(space) : at + 1
  }

  #rows(request: DecisionRequest, place: Place): Rows {
    const key = placeKey(request, place)
    let rows = this.#places.get(key)
    if (rows === undefined) {
      const number = this.#places.size
      const starts = { firstSlot: 0, firstMark: 0, visits: 0, visitor: -1 }
      rows = { key, number, slots: new Map(), rules: [], marks: new Map(), ...starts }
      this.#places.set(key, rows)
    }
    if (rows.visitor !== this.requests.length) {
      rows.visitor = this.requests.length
      rows.visits++
      this.#visited.push(rows.number)
    }
    return rows
  }

  #slot(rows: Rows, id: number, rule: number): void {
    if (!this.#rules.hasState(rule)) {
      this.#asked.push(0)
      return
    }
    let slot = rows.slots.get(id)
    if (slot === undefined || !this.#rules.alike(rows.rules[slot], rule)) {
      slot = rows.rules.push(rule) - 1
      rows.slots.set(id, slot)
    }
    this.#slotsAt.push(this.#asked.push(rows.number * LOCAL + slot) - 1)
  }

  #mark(rows: Rows, id: number): void {
    let mark = rows.marks.get(id)
    if (mark === undefined) rows.marks.set(id, (mark = rows.marks.size))
    this.#marksAt.push(this.#asked.push(rows.number * LOCAL + mark) - 1)
  }

  #notice(home: Rows | undefined, code: number, id: number): void {
    if (home === undefined) this.#asked.push(0)
    else this.#mark(home, mix53(code, id))
  }

  #album(rows: Rows, album: number | undefined, id: number): void {
    if (album === undefined) return
    const bucket = mix53(album, id)
    this.#mark(rows, mix53(bucket, ALBUM_PASSED))
    this.#mark(rows, mix53(bucket, ALBUM_REFUSED))
  }

  #record({ space }: DecisionRequest, user: number, namespace: 'blocks' | 'registrations'): number {
    const kind = KINDS[namespace]
    const name = `${kind}${user}:${space}`
    let number = this.#records.get(name)
    if (number === undefined) {
      number = this.#users.push(user)
      this.#records.set(name, number)
      this.#about.push(this.#space(space))
      this.#kinds.push(kind)
    }
    return number
  }
}
