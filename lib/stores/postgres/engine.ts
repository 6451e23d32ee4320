/** Decides in the database: a batch of requests is one statement. */
import { limitId } from '../../keys'
import { isBuiltin } from '../../limiters/limiter'
import type { Algorithm, Kernel, Row } from '../../limiters/limiter'
import { StoreError, toError } from '../../errors'
import type { Decision, DecisionRequest, LimitQuery, LimitState } from '../decision'
import { stateOf } from '../meter'
import { memberPrefix, placeKey } from '../record-keys'
import type { MovedBucket } from '../store'
import type { PostgresConnection, Row as Found, Statement } from './connection'
import { readAnswer } from './engine-answer'
import { EngineBatch } from './engine-batch'
import { rowOf } from './engine-row'
import { ALGORITHM_CODES, CARRY, DECIDE, FORGET, SECTION } from './sql/decide-format'
import { numberArray, quoteName } from './sql/quote'

/** Conflicts (a deadlock, a row that was swept): nothing was committed, so the statement may be run again. */
const CONFLICTS = ['40P01', '40001']
const MOST_ATTEMPTS = 10
/** Classes of SQLSTATEs that speak of the data: it may be one request's that the statement failed for. */
const OF_DATA = ['22', '23', '54']
const PAGE = 500

/**
 * The hot path of the PostgreSQL store, over its tables and functions (see `decideFunctions`). Every call may take
 * `timeLeft` ms.
 *
 * @example const [decision] = await new Engine(connection, 'sentinel').decide([request], 500)
 */
export class Engine {
  readonly #connection: Pick<PostgresConnection, 'query'>
  readonly #decide: string
  readonly #now: string
  readonly #peek: string
  readonly #forget: string
  readonly #carry: string
  readonly #members: string

  constructor(connection: Pick<PostgresConnection, 'query'>, schema: string) {
    this.#connection = connection
    const within = quoteName(schema)
    this.#decide = `SELECT ${within}.${DECIDE}($1::text) AS answer`
    this.#now = `floor(extract(epoch FROM clock_timestamp()) * 1000)::text`
    this.#peek =
      `SELECT ${this.#now} AS now, (SELECT state[p+1:p+3+state[p+3]]::text FROM (SELECT state, ` +
      `array_position(state, ${SECTION} - $2::text::bigint) AS p FROM ${within}.counters WHERE key = $1::text) AS c) AS part`
    this.#forget = `SELECT ${within}.${FORGET}($1::text, $2::text::bigint[])`
    this.#carry = `SELECT ${within}.${CARRY}($1::text, $2::text, $3::text::bigint[])`
    this.#members = `SELECT key FROM ${within}.counters WHERE key > $1::text AND key < $2::text ORDER BY key LIMIT ${PAGE}`
  }

  /**
   * Judges requests one after another. A request that cannot be judged becomes an Error in its place.
   *
   * @throws whatever the query threw, where no request was decided or it is not known which were.
   */
  async decide(requests: readonly DecisionRequest[], timeLeft: number): Promise<(Decision | Error)[]> {
    const end = performance.now() + timeLeft
    const results: (Decision | Error)[] = []
    let batch: EngineBatch | undefined
    for (const request of requests) {
      if (batch !== undefined && !batch.fits(request)) {
        results.push(...(await this.#run(batch, end)))
        batch = undefined
      }
      batch ??= new EngineBatch(request.now)
      try {
        batch.add(request)
      } catch (error) {
        if (batch.requests.length > 0) results.push(...(await this.#run(batch, end)))
        batch = undefined
        results.push(toError(error))
      }
    }
    if (batch !== undefined && batch.requests.length > 0) results.push(...(await this.#run(batch, end)))
    return results
  }

  /** What is left of one built-in limit; nothing is charged. */
  async peek(query: LimitQuery, timeLeft: number): Promise<LimitState> {
    const { limit } = query
    const values = [placeKey(query, limit), String(limit.id)]
    const [row] = await this.#connection.query({ text: this.#peek, values }, timeLeft)
    const { now, part } = row as { now: string; part: string | null }
    if (!isBuiltin(limit.limiter)) throw new TypeError(`'${limit.limiter.name}' is no limiter of ours`)
    const { kernel, name } = limit.limiter
    const state = stored(part, ALGORITHM_CODES[name as Algorithm], kernel)
    return stateOf(kernel, state, 0, limit, query.now ?? Number(now))
  }

  /** Forgets one limit of one subject. */
  async reset(query: LimitQuery, timeLeft: number): Promise<void> {
    const values = [placeKey(query, query.limit), numberArray([query.limit.id])]
    await this.#again({ text: this.#forget, values }, performance.now() + timeLeft)
  }

  /** Moves chat- and member-scoped buckets to a chat's new id, where that has none of the name. */
  async migrateChat(
    space: string,
    from: number,
    to: number,
    buckets: readonly MovedBucket[],
    timeLeft: number,
  ): Promise<void> {
    const idsOf = (scope: string): string =>
      numberArray(buckets.filter((moved) => moved.scope === scope).map(({ bucket }) => limitId(bucket)))
    const chatKey = (chat: number): string =>
      placeKey({ space, actor: undefined, chat }, { scope: 'chat', key: undefined })
    await this.#move([[chatKey(from), chatKey(to)]], idsOf('chat'), timeLeft)
    if (!buckets.some(({ scope }) => scope === 'member')) return
    const prefix = memberPrefix(space, from)
    for (let after: string | undefined = prefix; after !== undefined;) {
      const values = [after, `${prefix}~`]
      const rows = await this.#connection.query({ text: this.#members, values }, timeLeft)
      const keys = rows.map(({ key }) => key as string)
      const moves = keys.map((key) => [key, memberPrefix(space, to) + key.slice(prefix.length)] as const)
      await this.#move(moves, idsOf('member'), timeLeft)
      after = keys.length < PAGE ? undefined : keys[keys.length - 1]
    }
  }

  /** Each move is a statement of its own, with a deadline of its own: a chat may have many members. */
  async #move(moves: readonly (readonly [string, string])[], ids: string, timeLeft: number): Promise<void> {
    for (const [from, to] of moves) {
      await this.#again({ text: this.#carry, values: [from, to, ids] }, performance.now() + timeLeft)
    }
  }

  async #run(batch: EngineBatch, end: number): Promise<(Decision | Error)[]> {
    try {
      const [row] = await this.#again({ text: this.#decide, values: [batch.text()] }, end)
      return readAnswer(batch, row.answer)
    } catch (error) {
      if (!OF_DATA.includes(codeOf(error).slice(0, 2))) throw error
      if (batch.requests.length === 1) return [storeErrorOf(error)]
      return this.#oneByOne(batch.requests, end)
    }
  }

  /** Once a statement has failed for its data: nobody pays for another's request. */
  async #oneByOne(requests: readonly DecisionRequest[], end: number): Promise<(Decision | Error)[]> {
    const results: (Decision | Error)[] = []
    for (const request of requests) {
      const alone = new EngineBatch(request.now)
      alone.add(request)
      results.push(...(await this.#run(alone, end)))
    }
    return results
  }

  async #again(statement: Statement, end: number): Promise<readonly Found[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#connection.query(statement, Math.max(1, end - performance.now()))
      } catch (error) {
        if (attempt >= MOST_ATTEMPTS || !CONFLICTS.includes(codeOf(error))) throw error
      }
    }
  }
}

function stored(part: string | null, algorithm: number, kernel: Kernel): Row {
  if (part === null) return kernel.fresh
  const [stands, , , ...numbers] = JSON.parse(`[${part.slice(1, -1)}]`) as number[]
  return stands === algorithm ? rowOf(algorithm, numbers) : kernel.fresh
}

function storeErrorOf(thrown: unknown): StoreError {
  return thrown instanceof StoreError ? thrown : new StoreError(toError(thrown).message, { cause: thrown })
}

/** The SQLSTATE of what a client threw, perhaps as the cause of an error of ours; else ''. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  if ('cause' in error && error.cause !== undefined) return codeOf(error.cause)
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
