/**
 * A promise that asks again when it is awaited after it has failed. Telegraf (4.13 to 4.16) shares the promise of a reading
 * between all updates of a session until it is fulfilled: one that stayed rejected would fail all of them, until the restart.
 */
export class Reading<T> implements Promise<T> {
  readonly [Symbol.toStringTag] = 'Promise'
  readonly #ask: () => Promise<T>
  #attempt: Promise<T> | undefined

  constructor(ask: () => Promise<T>) {
    this.#ask = ask
    this.#begin()
  }

  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return (this.#attempt ?? this.#begin()).then(fulfilled, rejected)
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, rejected)
  }

  finally(settled?: (() => void) | null): Promise<T> {
    return this.then().finally(settled)
  }

  #begin(): Promise<T> {
    const attempt = this.#ask()
    this.#attempt = attempt
    attempt.then(undefined, () => (this.#attempt = undefined))
    return attempt
  }
}
