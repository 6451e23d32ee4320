import { StoreError } from '../errors'

/** What is under way on a store, so that its end can wait for it. */
export class Tasks {
  #underWay = 0
  #closed = false
  #ended = false
  #drained: (() => void) | undefined

  /** `name`: what errors call the store: 'the store on …'. */
  constructor(private readonly name: string) {}

  /** Throws a StoreError once the store is closed. */
  check(): void {
    if (this.#closed) throw this.#refusal()
  }

  /** Rejects with a StoreError once the store is closed. */
  async run<T>(work: () => T | Promise<T>): Promise<T> {
    this.check()
    return this.#counted(work)
  }

  /** A step of what may be under way already: refused only when the store's end waits for nothing any more. */
  async step<T>(work: () => Promise<T>): Promise<T> {
    if (this.#ended) throw this.#refusal()
    return this.#counted(work)
  }

  /** Takes work again. */
  open(): void {
    this.#closed = this.#ended = false
    this.#drained = undefined
  }

  /** Takes nothing more. Resolves when all that had begun has ended, or after `timeout` ms. */
  async drain(timeout: number): Promise<void> {
    this.#closed = true
    if (this.#underWay > 0) await this.#emptied(timeout)
    this.#ended = true
  }

  async #counted<T>(work: () => T | Promise<T>): Promise<T> {
    this.#underWay++
    try {
      return await work()
    } finally {
      if (--this.#underWay === 0) this.#drained?.()
    }
  }

  #emptied(timeout: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout)
      this.#drained = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #refusal(): StoreError {
    return new StoreError(`${this.name} was closed`)
  }
}
