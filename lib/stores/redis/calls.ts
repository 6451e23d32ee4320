import { Deadline } from '../../deadline'
import { StoreError, StoreTimeoutError } from '../../errors'
import type { Argument, RedisConnection, Reply, Script } from './connection'
import { CONNECT_TIMEOUT } from './link'
import type { Link, Route } from './link'
import { isUnknownScript, problemOf } from './problems'

/** Commands that touch no key. */
const KEYLESS: readonly unknown[] = ['PING', 'SCAN', 'TIME']

/** Gives every call a deadline, and every failure a StoreError that says what to do. */
export class Calls implements RedisConnection {
  readonly topology: RedisConnection['topology']
  readonly link: Link
  /** ms: what errors say that the wait was. */
  readonly #timeout: number
  /** Calls that nobody waits for any more and that have not ended, by their master: one that hangs stops no other. */
  readonly #lost = new Map<string, number>()

  constructor(link: Link, timeout: number) {
    this.link = link
    this.#timeout = timeout
    this.topology = link.topology
  }

  async connect(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      const error = new Error(`Connection timeout: no answer within ${CONNECT_TIMEOUT} ms`)
      timer = setTimeout(() => reject(error), CONNECT_TIMEOUT)
    })
    try {
      await this.#explained(Promise.race([this.link.open(), late]))
    } finally {
      clearTimeout(timer)
    }
  }

  async close(): Promise<void> {
    await this.#explained(this.link.close())
  }

  async run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    timeLeft: number,
    node?: string,
  ): Promise<Reply> {
    const end = performance.now() + timeLeft
    const route = { key: keys[0], node }
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await this.#call(['EVALSHA', script.sha1, ...rest], route, timeLeft)
    } catch (error) {
      // The server has not run it: it does not know it yet, or has forgotten it.
      if (!isUnknownScript(error)) throw error
      return this.#call(['EVAL', script.source, ...rest], route, end - performance.now())
    }
  }

  command(args: readonly Argument[], timeLeft: number, node?: string): Promise<Reply> {
    const key = KEYLESS.includes(args[0]) || args[1] === undefined ? undefined : String(args[1])
    return this.#call([...args], { key, node }, timeLeft)
  }

  async publish(channel: string, message: string, timeLeft: number): Promise<void> {
    await this.#call(['PUBLISH', channel, message], { key: channel, keyless: true }, timeLeft)
  }

  async masters(): Promise<readonly string[]> {
    await this.connect()
    return this.link.masters()
  }

  #call(args: Argument[], route: Route, timeLeft: number): Promise<Reply> {
    const master = this.#masterOf(route)
    const lost = this.#lost.get(master) ?? 0
    if (lost >= this.link.mostLost) {
      this.link.stalled(route)
      const name = master === '' ? this.link.name : `${master} of ${this.link.name}`
      return Promise.reject(new StoreError(`${name} does not answer: ${lost} calls wait for it already`))
    }
    return new Promise((resolve, reject) => {
      const given = new AbortController()
      let late = false
      // It holds the process as long as somebody waits for the answer; an idle connection does not.
      const deadline = new Deadline(Math.max(1, timeLeft), () => {
        late = true
        this.#countLost(master, 1)
        given.abort()
        reject(new StoreTimeoutError(this.#timeout))
        // What was not written has ended by then.
        setImmediate(() => this.link.stalled(route))
      })
      const end = (settle: () => void): void => {
        if (late) this.#countLost(master, -1)
        deadline.clear()
        settle()
      }
      this.#sent(args, route, given.signal).then(
        (reply) => end(() => resolve(reply)),
        (thrown: unknown) => end(() => reject(problemOf(thrown, this.link.name))),
      )
    })
  }

  /** Where the route leads, as far as is known; '' where that is all the same. */
  #masterOf({ key, node }: Route): string {
    return (key === undefined ? undefined : this.link.masterOf?.(key)) ?? node ?? ''
  }

  #countLost(master: string, more: number): void {
    const lost = (this.#lost.get(master) ?? 0) + more
    if (lost === 0) this.#lost.delete(master)
    else this.#lost.set(master, lost)
  }

  async #sent(args: Argument[], route: Route, signal: AbortSignal): Promise<Reply> {
    // Replies are what we asked the client to make of them.
    return (await this.link.send(args, route, signal)) as Reply
  }

  async #explained<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (thrown) {
      throw problemOf(thrown, this.link.name)
    }
  }
}
