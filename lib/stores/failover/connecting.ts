/** The first connection: all stores at the same time, and no longer than until one of them can serve. */
import type { Comeback } from './comeback'
import type { Line } from './line'

/**
 * Resolves when the first store serves; when it has failed, or `patience` ms are over, as soon as any does. Rejects where none
 * is left that might. `watch` is given what is to be called whenever another store serves: one that failed at first may be back
 * while others are still at it.
 */
export function connectAll(
  line: Line,
  comebacks: readonly Comeback[],
  patience: number,
  watch: (check: () => void) => void,
): Promise<void> {
  const ended = new Set<Comeback>()
  let patient = true
  return new Promise<void>((resolve, reject) => {
    const check = (): void => {
      const first = comebacks[0]
      const isWaitedFor = patient && !ended.has(first)
      if (line.serving?.index === 0) settle(resolve)
      else if (line.serving !== undefined && !isWaitedFor) settle(resolve)
      else if (ended.size === comebacks.length) settle(() => reject(line.noneLeft()))
    }
    // Holds the process: it is about to begin its work.
    const timer = setTimeout(() => {
      patient = false
      check()
    }, patience)
    const settle = (end: () => void): void => {
      clearTimeout(timer)
      end()
    }
    watch(check)
    for (const comeback of comebacks) {
      void comeback.enter().then(() => {
        ended.add(comeback)
        check()
      })
    }
  })
}
