import { StoreError } from '../../errors'
import { sendOptions } from './clients'
import type { Argument } from './connection'
import { Line } from './line'
import type { OwnClient } from './line'
import { MOST_LOST } from './link'
import type { Link, Route } from './link'
import { clientsOf } from './own-client'
import { addressOf } from './url'

/** ms that a connection may take to be made at least, its first answer included. */
const LEAST_PATIENCE = 2000
/** Calls without an answer after which a connection is given up. */
const LOST_ENOUGH = 3
/** ms after which it is given up for fewer. */
const SILENT_ENOUGH = 1000

export interface OwnLinkOptions {
  /** ms that a call may take. */
  readonly timeout: number
  /** Connections. */
  readonly pool: number
}

/**
 * Connections of our own, made from a URL and made anew whenever they are lost. Neither they nor their timers hold the
 * process. While there is no connection, calls fail at once.
 */
export class OwnLink implements Link {
  readonly topology = 'one'
  readonly name: string
  readonly label: string
  readonly mostLost: number
  readonly newClient: () => Promise<OwnClient>
  readonly #lanes: readonly Lane[]
  #closed = false

  /** @throws SentinelOptionsError where the URL is none, or the package redis is missing. */
  constructor(url: string, { timeout, pool }: OwnLinkOptions) {
    this.name = addressOf(url)
    this.label = `redis ${this.name.replace(/^\w+:\/\//, '')}`
    this.mostLost = MOST_LOST * pool
    const patience = Math.max(LEAST_PATIENCE, timeout)
    const make = clientsOf(url, this.name, patience)
    this.newClient = async () => make()
    this.#lanes = Array.from({ length: pool }, () => new Lane(make, patience))
  }

  /** Resolves with the first connection; the others follow. */
  async open(): Promise<void> {
    if (this.#closed) throw new StoreError(`the store on ${this.name} was closed`)
    try {
      await Promise.any(this.#lanes.map(({ line }) => line.open()))
    } catch (failed) {
      throw failed instanceof AggregateError ? failed.errors[0] : failed
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { line } of this.#lanes) line.close()
  }

  async send(args: Argument[], _route: Route, signal: AbortSignal): Promise<unknown> {
    let lane = this.#idlest()
    if (lane === undefined) {
      const [first] = this.#lanes
      if (this.#lanes.every(({ line }) => line.error !== undefined)) throw first.line.error
      await this.open()
      lane = this.#idlest()
    }
    if (lane === undefined) throw this.#lanes[0].line.error ?? new StoreError(`${this.name}: no connection`)
    return lane.send(args, signal)
  }

  async masters(): Promise<readonly string[]> {
    return ['']
  }

  stalled(): void {
    for (const lane of this.#lanes) lane.check()
  }

  /** The connection with the fewest calls under way. */
  #idlest(): Lane | undefined {
    let idlest: Lane | undefined
    for (const lane of this.#lanes) {
      if (lane.line.client === undefined) continue
      if (idlest === undefined || lane.underWay < idlest.underWay) idlest = lane
    }
    return idlest
  }
}

/** One of the connections, and what is under way on it. */
class Lane {
  readonly line: Line
  /** Of each call, what says that nobody waits for it any more. */
  readonly #calls = new Set<AbortSignal>()
  #suspicion: NodeJS.Timeout | undefined

  constructor(make: () => OwnClient, patience: number) {
    this.line = new Line({ make, greet, patience })
  }

  get underWay(): number {
    return this.#calls.size
  }

  async send(args: Argument[], signal: AbortSignal): Promise<unknown> {
    const { client } = this.line
    if (client === undefined) throw this.line.error
    this.#calls.add(signal)
    try {
      return await client.sendCommand(args, sendOptions(signal))
    } finally {
      this.#calls.delete(signal)
    }
  }

  /** Gives the connection up if it has left too many calls without an answer, or one for too long. */
  check(): void {
    const lost = this.#lost()
    if (lost.length >= LOST_ENOUGH) return this.#giveUp(lost)
    if (lost.length === 0 || this.#suspicion !== undefined) return
    this.#suspicion = setTimeout(() => {
      this.#suspicion = undefined
      // What has arrived meanwhile is read first, if this process has been busy.
      setImmediate(() => {
        const silent = lost.filter((signal) => this.#calls.has(signal))
        if (silent.length > 0) this.#giveUp(silent)
      })
    }, SILENT_ENOUGH)
    this.#suspicion.unref()
  }

  #lost(): AbortSignal[] {
    return [...this.#calls].filter(({ aborted }) => aborted)
  }

  #giveUp(lost: readonly AbortSignal[]): void {
    const { client } = this.line
    if (client === undefined) return
    this.line.giveUp(client, new Error(`Connection timeout: ${lost.length} calls got no answer`))
  }
}

/** A server that only accepts connections is none. An error is an answer too, while the connection stands. */
async function greet(client: OwnClient): Promise<void> {
  try {
    await client.sendCommand(['PING'])
  } catch (error) {
    if (!client.isReady) throw error
  }
}
