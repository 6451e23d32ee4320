import { Deadline } from '../../deadline'
import { StoreTimeoutError } from '../../errors'

/** What `work` comes to, unless that takes longer than `timeLeft` ms; then `late` is told. */
export function inTime<T>(
  work: Promise<T>,
  timeLeft: number,
  late: (error: StoreTimeoutError) => void,
): Promise<T> {
  if (timeLeft === Infinity) return work
  return new Promise((resolve, reject) => {
    const deadline = new Deadline(timeLeft, () => {
      const error = new StoreTimeoutError(Math.round(timeLeft))
      late(error)
      reject(error)
    }).unref()
    work.then(resolve, reject).finally(() => deadline.clear())
  })
}
