/** A TCP proxy on 127.0.0.1 in front of a test's server: through it the network goes wrong as the test wants. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './process'

/**
 * `pass`: bytes go through. `refuse`: nothing listens, and connections are reset. `reset`: of the next reply half arrives,
 * then the connection is reset. `black-hole`: connections are accepted, bytes are swallowed; who lost some is reset when
 * that ends. `slow`: bytes arrive late, in their order. `half-open`: connections that are there fall silent for ever while
 * the server sees them end; new ones pass.
 */
export type ProxyMode = 'pass' | 'refuse' | 'reset' | 'black-hole' | 'slow' | 'half-open'

export interface ProxyOptions {
  /** ms that `slow` takes, each way. Default 2000. */
  readonly slowness?: number
}

/** ms between two attempts to listen on a port that somebody else has taken meanwhile, and how many there are. */
const LISTEN_AGAIN = 50
const LISTEN_TRIES = 100

/** ms between half a reply and the reset: some systems tell of none that arrives together with data. */
const RESET_AFTER = 10

export class Proxy {
  readonly #links = new Set<Link>()
  readonly #target: number
  readonly #slowness: number
  #mode: ProxyMode = 'pass'
  #server: Server | undefined

  private constructor(
    readonly port: number,
    target: number,
    { slowness = 2000 }: ProxyOptions,
  ) {
    this.#target = target
    this.#slowness = slowness
  }

  /** Starts a proxy to a port of 127.0.0.1; `stop()` it when done. */
  static async start(target: number, options: ProxyOptions = {}): Promise<Proxy> {
    const proxy = new Proxy(await freePort(), target, options)
    await proxy.#listen()
    return proxy
  }

  /** The URL of a server behind this proxy, as it is with the proxy in between. */
  through(url: string): string {
    return url.replace(`:${this.#target}`, `:${this.port}`)
  }

  get mode(): ProxyMode {
    return this.#mode
  }

  /** Changes what becomes of connections, those that are there and those to come. */
  async become(mode: ProxyMode): Promise<void> {
    this.#mode = mode
    for (const link of this.#links) link.changed(mode)
    if (mode === 'refuse') await this.#close()
    else if (this.#server === undefined) await this.#listen()
  }

  async stop(): Promise<void> {
    for (const link of this.#links) link.drop()
    await this.#close()
  }

  async #listen(): Promise<void> {
    for (let tries = 1; this.#server === undefined; tries++) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
      try {
        server.listen(this.port, '127.0.0.1')
        await once(server, 'listening')
        this.#server = server
      } catch (error) {
        if (tries === LISTEN_TRIES) throw error
        await delay(LISTEN_AGAIN)
      }
    }
  }

  async #close(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    server.close()
    await once(server, 'close')
  }

  #accept(near: Socket): void {
    // Half-open are the connections that were there.
    const mode = this.#mode === 'half-open' ? 'pass' : this.#mode
    const link = new Link(near, this.#target, this.#slowness, mode, () => this.#links.delete(link))
    this.#links.add(link)
  }
}

/** One connection: `near` is the client's, `far` the server's. */
class Link {
  readonly #far: Socket
  readonly #toFar: Lane
  readonly #toNear: Lane
  /** Bytes were swallowed, or the other side is gone: nothing sensible can follow. */
  #broken = false

  constructor(
    private readonly near: Socket,
    target: number,
    slowness: number,
    private mode: ProxyMode,
    private readonly ended: () => void,
  ) {
    this.#far = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const wait = (): number => (this.mode === 'slow' ? slowness : 0)
    this.#toFar = new Lane(this.#far, wait)
    this.#toNear = new Lane(near, wait)
    near.on('data', (data) => this.#carry(this.#toFar, data))
    this.#far.on('data', (data) => this.#answer(data))
    near.on('end', () => this.#carry(this.#toFar, undefined))
    this.#far.on('end', () => this.#carry(this.#toNear, undefined))
    near.on('error', () => this.#lost(this.#far))
    this.#far.on('error', () => this.#lost(near))
    near.on('close', () => this.#closed())
    this.#far.on('close', () => this.#closed())
  }

  changed(mode: ProxyMode): void {
    const former = this.mode
    // One that has fallen silent stays so, unless all are reset: a server that is to close waits for its connections.
    if (former === 'half-open' && mode !== 'refuse') return
    this.mode = mode
    if (mode === 'refuse' || (former === 'black-hole' && this.#broken)) this.#reset()
    else if (mode === 'half-open') this.#far.destroy()
  }

  drop(): void {
    this.#toFar.clear()
    this.#toNear.clear()
    this.near.destroy()
    this.#far.destroy()
  }

  get #swallows(): boolean {
    return this.mode === 'black-hole' || this.mode === 'half-open'
  }

  /** `undefined`: the end of what this side has to say. */
  #carry(lane: Lane, data: Buffer | undefined): void {
    if (this.#swallows) this.#broken = true
    else lane.push(data)
  }

  #answer(data: Buffer): void {
    if (this.mode !== 'reset') return this.#carry(this.#toNear, data)
    const half = data.subarray(0, Math.ceil(data.length / 2))
    this.near.write(half)
    this.#far.destroy()
    setTimeout(() => this.#reset(), RESET_AFTER)
  }

  /** One side broke: the other learns of it, if anything gets there. */
  #lost(other: Socket): void {
    if (this.#swallows) this.#broken = true
    else reset(other)
  }

  #reset(): void {
    reset(this.near)
    reset(this.#far)
  }

  #closed(): void {
    if (!this.near.destroyed || !this.#far.destroyed) return
    this.#toFar.clear()
    this.#toNear.clear()
    this.ended()
  }
}

/** What travels one way, in its order, after its delay. */
class Lane {
  readonly #queue: { readonly due: number; readonly data: Buffer | undefined }[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly to: Socket,
    private readonly wait: () => number,
  ) {}

  push(data: Buffer | undefined): void {
    const due = performance.now() + this.wait()
    if (this.#queue.length === 0 && this.wait() === 0) return this.#deliver(data)
    this.#queue.push({ due, data })
    this.#schedule()
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#queue.length = 0
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#queue.length === 0) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        while (this.#queue.length > 0 && this.#queue[0].due <= performance.now()) {
          this.#deliver(this.#queue.shift()?.data)
        }
        this.#schedule()
      },
      Math.max(1, this.#queue[0].due - performance.now()),
    )
  }

  #deliver(data: Buffer | undefined): void {
    if (this.to.destroyed) return
    if (data === undefined) this.to.end()
    else this.to.write(data)
  }
}

/** `resetAndDestroy` would say goodbye first (a FIN), and that is what the client would see. */
function reset(socket: Socket): void {
  const plain = socket.connecting || socket.writableEnded
  if (!plain) Reflect.set(socket, 'resetAndClosing', true)
  socket.destroy()
}
