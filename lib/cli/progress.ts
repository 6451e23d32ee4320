/** How far a migration is, on the terminal: a bar, or plain lines where there is no terminal. */
import { SingleBar } from 'cli-progress'
import type { MigrateProgress } from '../stores/migrate'

export interface Display {
  show(progress: MigrateProgress): void
  /** Shows what is not shown yet. */
  end(): void
}

/** ms between two lines at least. */
const LINES_APART = 1_000

export function displayOn(stream: NodeJS.WriteStream): Display {
  return stream.isTTY ? new Bars(stream) : new Lines(stream)
}

/** A bar for each namespace, one below the other. */
class Bars implements Display {
  #bar: SingleBar | undefined
  #namespace: string | undefined

  constructor(private readonly stream: NodeJS.WriteStream) {}

  show({ namespace, copied, total = copied }: MigrateProgress): void {
    if (this.#namespace !== namespace) {
      this.end()
      this.#bar = this.#start(namespace, total)
      this.#namespace = namespace
    }
    // What is added during the run is copied too.
    if (copied > total) this.#bar?.setTotal(copied)
    this.#bar?.update(copied)
  }

  end(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }

  #start(namespace: string, total: number): SingleBar {
    const format = `${namespace.padEnd('registrations'.length)} {bar} {percentage}% {value}/{total} {eta_formatted}`
    const bar = new SingleBar({ stream: this.stream, format, barsize: 30 })
    bar.start(total, 0)
    return bar
  }
}

class Lines implements Display {
  #last: MigrateProgress | undefined
  #shown: MigrateProgress | undefined
  #shownAt = -Infinity

  constructor(private readonly stream: NodeJS.WriteStream) {}

  show(progress: MigrateProgress): void {
    if (this.#last?.namespace !== progress.namespace) this.end()
    this.#last = progress
    if (performance.now() - this.#shownAt >= LINES_APART) this.end()
  }

  end(): void {
    if (this.#last === undefined || this.#last === this.#shown) return
    const { namespace, copied, total } = this.#last
    const of = total === undefined ? '' : ` of ${total.toLocaleString('en')}`
    this.stream.write(`${namespace}: ${copied.toLocaleString('en')}${of}\n`)
    this.#shown = this.#last
    this.#shownAt = performance.now()
  }
}
