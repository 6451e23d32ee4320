import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { renamed } from './renamed'

/**
 * A JSON file that one process at a time may change. Whoever renames `store.json` to a name of its own holds it, and renames it
 * back; if it is killed, the name tells, and the next one takes over. Content is replaced by a rename too, so never half written.
 */
export class HeldFile<Data extends { version: number }> {
  readonly #mine: string
  constructor(readonly folder: string) {
    this.#mine = join(folder, `held.${process.pid}.${randomUUID()}`)
  }

  /** Makes the file; one that is there already stays as it is. */
  create(data: Data): void {
    const draft = `${this.folder}.${randomUUID()}`
    mkdirSync(draft, { recursive: true })
    writeFileSync(join(draft, 'store.json'), JSON.stringify(data))
    // A folder that has a store in it is not replaced.
    if (!renamed(draft, this.folder, ['ENOTEMPTY', 'EEXIST', 'EPERM'])) rmSync(draft, { recursive: true })
  }

  /** Holds the file while `work` reads its content and, if it raises `version`, changes it. */
  async hold<T>(work: (data: Data) => T): Promise<T> {
    while (!this.#take()) await sleep(1 + Math.random() * 4)
    try {
      const data = JSON.parse(readFileSync(this.#mine, 'utf8')) as Data
      const { version } = data
      const result = work(data)
      if (data.version !== version) {
        writeFileSync(join(this.folder, 'draft'), JSON.stringify(data))
        renameSync(join(this.folder, 'draft'), this.#mine)
      }
      return result
    } finally {
      renameSync(this.#mine, join(this.folder, 'store.json'))
    }
  }

  #take(): boolean {
    const files = readdirSync(this.folder).filter((name) => name === 'store.json' || isAbandoned(name))
    return files.some((name) => renamed(join(this.folder, name), this.#mine, ['ENOENT']))
  }
}

function isAbandoned(name: string): boolean {
  const pid = Number(name.split('.')[1])
  try {
    return pid > 0 && !process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
