/** A process of the soak, seen from inside and from outside. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

interface Order {
  readonly id: number
  readonly order: unknown
}

type Word =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly trouble: string }

interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

/** The outside: starts it, gives it orders, hears of its troubles. */
export class Worker<O> {
  readonly #waiting = new Map<number, Waiting>()
  #orders = 0
  #ended = false

  private constructor(
    private readonly child: ChildProcess,
    private readonly troubles: (trouble: string) => void,
  ) {
    child.on('message', (word: Word) => this.#hear(word))
    child.on('exit', (code, signal) => this.#gone(`it ended with ${signal ?? code}`))
  }

  /** Starts `file` with a setup; `troubles` is told of warnings and of errors that nobody has caught. */
  static start<O>(file: string, setup: unknown, troubles: (trouble: string) => void): Worker<O> {
    const child = fork(join(__dirname, file), [JSON.stringify(setup)], {
      execArgv: ['-r', 'ts-node/register/transpile-only'],
      env: { ...process.env, NODE_ENV: 'production' },
    })
    return new Worker(child, troubles)
  }

  /** Rejects with what the order came to, or where the process is gone. */
  ask<T>(order: O): Promise<T> {
    const id = ++this.#orders
    return new Promise<T>((resolve, reject) => {
      if (this.#ended) return reject(new Error('the process has ended'))
      this.#waiting.set(id, { resolve: (result) => resolve(result as T), reject })
      this.child.send({ id, order } satisfies Order)
    })
  }

  async stop(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.child.kill('SIGKILL')
    await once(this.child, 'exit')
  }

  #hear(word: Word): void {
    if ('trouble' in word) return this.troubles(word.trouble)
    const waiting = this.#waiting.get(word.id)
    this.#waiting.delete(word.id)
    if ('error' in word) waiting?.reject(new Error(word.error))
    else waiting?.resolve(word.result)
  }

  #gone(why: string): void {
    if (!this.#ended) this.troubles(why)
    this.#ended = true
    for (const { reject } of this.#waiting.values()) reject(new Error(why))
    this.#waiting.clear()
  }
}

/** The inside: carries out orders, and passes on whatever nobody else would see. */
export function work<S, O>(start: (setup: S) => (order: O) => unknown): void {
  // What goes wrong here ends the process, and says why.
  const carryOut = start(JSON.parse(process.argv[2]) as S)
  const say = (word: Word): void => void process.send?.(word)
  process.on('unhandledRejection', (reason) => say({ trouble: `unhandled rejection: ${show(reason)}` }))
  process.on('uncaughtException', (error) => say({ trouble: `uncaught exception: ${show(error)}` }))
  process.on('warning', (warning) => say({ trouble: `warning: ${show(warning)}` }))
  process.on('disconnect', () => process.exit())
  process.on('message', ({ id, order }: Order) => {
    Promise.resolve()
      .then(() => carryOut(order as O))
      .then(
        (result) => say({ id, result: result ?? null }),
        (error: unknown) => say({ id, error: error instanceof Error ? error.message : String(error) }),
      )
  })
}

function show(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}
