/**
 * What was touched longest ago comes first: a doubly linked list whose links are in the items themselves. A `Set` would keep
 * the order too, but its first item is found only by passing over the places of all that were deleted before it.
 */

/** An item that can be in one order. */
export interface Ordered<T> {
  /** Whether it is in one. The order alone writes these. */
  listed: boolean
  older: T | undefined
  newer: T | undefined
}

export class Order<T extends Ordered<T>> {
  #oldest: T | undefined
  #newest: T | undefined

  get oldest(): T | undefined {
    return this.#oldest
  }

  /** Makes it the newest, whether it was in here or not. */
  touch(item: T): void {
    if (this.#newest === item) return
    this.delete(item)
    item.listed = true
    item.older = this.#newest
    if (this.#newest === undefined) this.#oldest = item
    else this.#newest.newer = item
    this.#newest = item
  }

  /** Returns whether it was in here. */
  delete(item: T): boolean {
    if (!item.listed) return false
    const { older, newer } = item
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    item.listed = false
    item.older = undefined
    item.newer = undefined
    return true
  }

  /** The oldest first. Each may be deleted when it is met. */
  *[Symbol.iterator](): Generator<T, void> {
    let item = this.#oldest
    while (item !== undefined) {
      const { newer }: T = item
      yield item
      item = newer
    }
  }
}
