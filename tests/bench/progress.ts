/** A progress bar on stderr, so that stdout stays clean for `--json`; plain lines where it is no terminal. */
export class Progress {
  private done = 0

  constructor(private readonly total: number) {}

  start(label: string): void {
    const step = `${this.done + 1}/${this.total}`
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${this.bar()} ${step} ${label}`)
    else process.stderr.write(`${step} ${label}\n`)
  }

  finish(): void {
    this.done++
    if (this.done === this.total && process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  }

  private bar(): string {
    const width = 24
    const full = Math.round((this.done / this.total) * width)
    return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`
  }
}
