/** Waiting for others' work, and no longer than may be. */
import { Deadline } from './deadline'

/** Settles as `work` does, or rejects when it takes longer than `ms`; holds no process alive. */
export function within<T>(work: PromiseLike<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const deadline = new Deadline(ms, () => reject(late())).unref()
    work.then(
      (value) => {
        deadline.clear()
        resolve(value)
      },
      (thrown: unknown) => {
        deadline.clear()
        reject(thrown as Error)
      },
    )
  })
}

/** Resolves when `work` is over, whatever it comes to, or after `ms`; holds no process alive. */
export function atMost(work: PromiseLike<unknown>, ms: number): Promise<void> {
  return new Promise<void>((resolve) => {
    const deadline = new Deadline(ms, resolve).unref()
    const over = (): void => {
      deadline.clear()
      resolve()
    }
    work.then(over, over)
  })
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
