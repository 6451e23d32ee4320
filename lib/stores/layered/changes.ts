/** Which records have changed lately: an answer that was asked for before a change must not bring the old back. */

/** Users whose changes are told apart; beyond it every answer under way counts as old. */
const MOST = 4096

export class Changes {
  #count = 0
  /** Everything changed at this count. */
  #all = 0
  readonly #users = new Map<number, number>()

  /** What to show to `since` later. */
  get count(): number {
    return this.#count
  }

  /** A user's records have changed, or may have. */
  user(userId: number): void {
    this.#users.delete(userId)
    this.#users.set(userId, ++this.#count)
    if (this.#users.size > MOST) this.all()
  }

  /** Anything may have changed. */
  all(): void {
    this.#all = ++this.#count
    this.#users.clear()
  }

  /** Whether something that concerns the user has changed since. */
  since(count: number, userId: number | undefined): boolean {
    if (this.#count === count) return false
    return this.#all > count || (userId !== undefined && (this.#users.get(userId) ?? 0) > count)
  }
}
