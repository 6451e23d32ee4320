import { StoreTimeoutError } from '../../errors'

/** What `work` comes to, unless that takes longer than `timeLeft` ms; then `late` is told. */
export function inTime<T>(
  work: Promise<T>,
  timeLeft: number,
  late: (error: StoreTimeoutError) => void,
): Promise<T> {
  if (timeLeft === Infinity) return work
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const error = new StoreTimeoutError(Math.round(timeLeft))
      late(error)
      reject(error)
    }, timeLeft)
    timer.unref()
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
