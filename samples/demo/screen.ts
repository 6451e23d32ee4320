/** The demo's table: drawn over itself in a terminal, plain lines elsewhere. */
import type { Verdict } from 'telegraf-sentinel'
import { NAME, table, why } from './table'
import type { Tally } from './tally'

export class Screen {
  readonly #out: NodeJS.WriteStream
  readonly #names: (userId: number) => string
  readonly #told = new Set<string>()
  #drawn = 0

  constructor(out: NodeJS.WriteStream, names: (userId: number) => string) {
    this.#out = out
    this.#names = names
  }

  /** Without a terminal: a line where something happens to somebody for the first time. */
  tell(userId: number, verdict: Verdict): void {
    if (this.#out.isTTY) return
    const outcome = verdict.allowed ? 'allowed' : why(verdict)
    const line = `${this.#names(userId).padEnd(NAME)} ${outcome}`
    const first = `${userId} ${verdict.allowed ? '' : verdict.reason}`
    if (this.#told.has(first)) return
    this.#told.add(first)
    this.#out.write(`${line}\n`)
  }

  /** Draws the table over the last one. */
  draw(tally: Tally, title: string): void {
    if (!this.#out.isTTY) return
    // A line that wraps would be two to the cursor.
    const lines = this.#table(tally, title).map((line) => line.slice(0, this.#out.columns - 1))
    this.#out.write((this.#drawn > 0 ? `\u001b[${this.#drawn}A\u001b[J` : '') + lines.join('\n') + '\n')
    this.#drawn = lines.length
  }

  /** The last word. */
  finish(tally: Tally, title: string): void {
    if (this.#out.isTTY) this.draw(tally, title)
    else this.#out.write(`\n${this.#table(tally, title).join('\n')}\n`)
  }

  #table(tally: Tally, title: string): string[] {
    return [title, '', ...table(tally, this.#names)]
  }
}
