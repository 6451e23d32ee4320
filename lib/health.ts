/** How a sentinel is, for people and for the probes of an orchestrator. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { DURATION_HINT, toMilliseconds, type Duration } from './duration'
import { SentinelOptionsError, StoreError, toError, type Problem } from './errors'
import { hintFor } from './nearest'
import { show } from './schema'
import type { StoreHealth } from './stores/decision'
import { optionsObject } from './stores/store-options'

/** What waits in the process at this moment. */
export interface Waiting {
  readonly decisions: number
  readonly hooks: number
  readonly replies: number
}

/** How the sentinel is: as its store is. */
export interface SentinelHealth {
  /** `degraded`: it guards, but not as it should; a store behind another serves, say. */
  readonly status: 'ok' | 'degraded' | 'down'
  /** The store as it was given. */
  readonly store: StoreHealth
  /** Every single store under it, the first in line first. */
  readonly stores: readonly StoreHealth[]
  readonly waiting: Waiting
}

const STATUSES: readonly unknown[] = ['ok', 'degraded', 'down']

/** Puts the parts together. */
export function healthOf(store: StoreHealth, waiting: Waiting): SentinelHealth {
  const stores = leavesOf(store)
  return { status: store.status, store, stores, waiting }
}

/** A store that did not even say how it is. */
export function downBecause(thrown: unknown): StoreHealth {
  return { status: 'down', error: toError(thrown).message }
}

/** A user's own store may say anything. */
function leavesOf(store: StoreHealth): StoreHealth[] {
  const { status } = (store as Partial<StoreHealth> | undefined) ?? {}
  if (!STATUSES.includes(status)) {
    throw new StoreError(
      `health() of a store must tell a status, 'ok', 'degraded' or 'down', not ${show(status)}`,
    )
  }
  return store.stores === undefined ? [store] : store.stores.flatMap(leavesOf)
}

/** Options of `healthHandler`. */
export interface HealthHandlerOptions {
  /** Whether updates may be sent here. Default: unless the status is `down`. */
  ready?: (health: SentinelHealth) => boolean
  /** The stores are asked at most so often; probes in between get the last answer. Default `'1s'`. */
  every?: Duration
  /** The answer of `/ready` has all of the health, addresses of stores included. Default `false`: the status alone. */
  details?: boolean
}

/** A request and an answer as Fastify wraps them. */
interface Wrapped<T> {
  readonly raw: T
}
interface WrappedResponse extends Wrapped<ServerResponse> {
  hijack(): unknown
}

/** For `http.createServer`, for `app.use` of Express, and as the handler of a route of Fastify. */
export type HealthHandler = (
  request: IncomingMessage | Wrapped<IncomingMessage>,
  response: ServerResponse | WrappedResponse,
  next?: (error?: unknown) => void,
) => void

type Answer = { readonly code: number; readonly body: object }

/**
 * Answers the probes of an orchestrator or a load balancer. `…/live` says that the process runs, and asks nobody; `…/ready` is 200 as
 * long as updates may be sent here, else 503. Any other path is left to what follows (404 where nothing does).
 *
 * Stores are asked once a second at most, however many probes there are, and for no longer than `storeTimeout`.
 *
 * With `onStoreError: 'allow'` a bot serves without its store too. If all workers share one store, a load balancer that
 * goes by `/ready` takes all of them out at once when it fails: put another store behind it (`failover`), or say `ready: () => true`.
 *
 * @throws SentinelOptionsError that lists every mistake
 * @example
 * http.createServer(healthHandler(sentinel)).listen(8081)   // GET /live, GET /ready
 * app.use('/health', healthHandler(sentinel))               // Express: GET /health/live, GET /health/ready
 * fastify.get('/ready', healthHandler(sentinel))
 */
export function healthHandler(
  sentinel: { health(): Promise<SentinelHealth> },
  options: HealthHandlerOptions = {},
): HealthHandler {
  const { every, ready, details } = readOptions(options)
  const look = atMostEvery(every, () => sentinel.health())
  const live = (): Answer => ({ code: 200, body: { status: 'live' } })
  const isReady = async (): Promise<Answer> => {
    const health = await look()
    // Its type asks for a boolean; where nobody checks types it may as well be asynchronous.
    const isFine: unknown = await ready(health)
    return { code: isFine ? 200 : 503, body: details ? health : { status: health.status } }
  }
  const answers = new Map<string, () => Answer | Promise<Answer>>([
    ['live', live],
    ['ready', isReady],
  ])
  return (request, response, next) => {
    const [req, res] = unwrapped(request, response)
    const answer = answers.get(nameOf(req))
    if (answer !== undefined) return void respond(req, res, answer)
    if (next !== undefined) return next()
    send(res, req, { code: 404, body: { error: 'there are /live and /ready' } })
  }
}

function unwrapped(
  request: IncomingMessage | Wrapped<IncomingMessage>,
  response: ServerResponse | WrappedResponse,
): [IncomingMessage, ServerResponse] {
  if (!('hijack' in response)) return [request as IncomingMessage, response]
  // From here on the answer is ours; Fastify else waits for one of its own.
  response.hijack()
  return [(request as Wrapped<IncomingMessage>).raw, response.raw]
}

/** The last segment of the path, so that it may be mounted anywhere. */
function nameOf({ url = '' }: IncomingMessage): string {
  const path = url.split('?', 1)[0]
  return path.slice(path.lastIndexOf('/') + 1)
}

async function respond(
  req: IncomingMessage,
  res: ServerResponse,
  answer: () => Answer | Promise<Answer>,
): Promise<void> {
  try {
    if (req.method === 'GET' || req.method === 'HEAD') return send(res, req, await answer())
    send(res, req, { code: 405, body: { error: 'GET or HEAD' } })
  } catch (thrown) {
    send(res, req, { code: 503, body: { status: 'down', error: toError(thrown).message } })
  }
}

function send(res: ServerResponse, req: IncomingMessage, { code, body }: Answer): void {
  const text = JSON.stringify(body)
  // Whoever stands before us, a middleware with a deadline say, may have answered meanwhile.
  if (res.headersSent) return
  res.writeHead(code, {
    ...(code === 405 ? { Allow: 'GET, HEAD' } : undefined),
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  })
  res.end(req.method === 'HEAD' ? undefined : text)
}

/** One look at a time, its answer kept for `ms`. */
function atMostEvery<T>(ms: number, look: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | undefined
  let until = 0
  return () => {
    if (last !== undefined && performance.now() < until) return last
    until = Infinity
    last = look().finally(() => (until = performance.now() + ms))
    return last
  }
}

const NAMES = ['ready', 'every', 'details']

function readOptions(options: HealthHandlerOptions) {
  const problems: Problem[] = []
  const { ready, every, details, ...others } = optionsObject(options, problems)
  for (const name of Object.keys(others)) {
    problems.push({
      path: name,
      message: `is not an option of healthHandler; ${hintFor(name, NAMES, 'options')}`,
    })
  }
  const ms = toMilliseconds(every ?? '1s')
  if (ms === undefined)
    problems.push({ path: 'every', message: `must be ${DURATION_HINT}, not ${String(every)}` })
  if (ready !== undefined && typeof ready !== 'function') {
    problems.push({ path: 'ready', message: 'must be a function (health) => boolean' })
  }
  if (details !== undefined && typeof details !== 'boolean') {
    problems.push({ path: 'details', message: 'must be true or false' })
  }
  if (problems.length > 0) throw new SentinelOptionsError(problems)
  return { every: ms ?? 0, ready: ready ?? serves, details: details ?? false }
}

function serves({ status }: SentinelHealth): boolean {
  return status !== 'down'
}
