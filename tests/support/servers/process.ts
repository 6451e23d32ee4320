/** A server that a test may mistreat: killed, restarted on its port, paused. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { removeFolder, startChild, until } from './child'
import type { Child } from './child'

/** Below the ports that outgoing connections use, so that none of them takes one meanwhile. */
const LOWEST_PORT = 10_000
const PORTS = 12_000

export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  /** The server's own, removed when it stops. */
  readonly folder: string
  /** Whether it answers by now. */
  readonly ready: () => Promise<boolean>
}

/** A port of 127.0.0.1 that is free now, together with those that lie `also` above it. */
export async function freePort(also: readonly number[] = []): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = LOWEST_PORT + Math.floor(Math.random() * PORTS)
    const free = await Promise.all([port, ...also.map((offset) => port + offset)].map(isFree))
    if (free.every(Boolean)) return port
  }
  throw new Error('no free port found on 127.0.0.1')
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

/** A server that runs until it is stopped, at the latest until this process ends. */
export class ServerProcess {
  #child: Child | undefined

  private constructor(private readonly command: ServerCommand) {}

  /** @throws Error with the server's log where it does not come up. */
  static async start(command: ServerCommand): Promise<ServerProcess> {
    const server = new ServerProcess(command)
    try {
      await server.#launch()
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  get pid(): number {
    if (this.#child === undefined) throw new Error(`${this.command.command} does not run`)
    return this.#child.pid
  }

  /** SIGKILL, whether it is paused or not. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    child.signal('SIGKILL')
    await child.ended()
  }

  /** Kills it if it runs, and starts it with the same command and folder. */
  async restart(): Promise<void> {
    await this.kill()
    await this.#launch()
  }

  /** The server stands still, its connections stay open. */
  pause(): void {
    this.#child?.signal('SIGSTOP')
  }

  resume(): void {
    this.#child?.signal('SIGCONT')
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    await this.kill()
    removeFolder(this.command.folder)
  }

  async #launch(): Promise<void> {
    const { command, args, folder, ready } = this.command
    const child = startChild(command, args, folder)
    this.#child = child
    const complaint = (): string => `${command} does not answer:\n${child.log().slice(-2000)}`
    await until(async () => {
      if (!child.alive) throw new Error(complaint())
      return ready()
    }, complaint)
  }
}
