/** Others who take every connection of a PostgreSQL server that an ordinary user may have. */
import { Client } from 'pg'
import { until } from '../support/servers/child'

export interface CrowdOptions {
  /** Of a user who is no superuser. */
  readonly url: string
  /** As many connections as such users may have. */
  readonly connections: number
  /** Runs a statement as the superuser; its rows. */
  readonly administer: (text: string) => Promise<readonly object[]>
  /** The user whose connections it takes. */
  readonly victim: string
}

export class Crowd {
  readonly #clients = new Set<Client>()

  constructor(private readonly options: CrowdOptions) {}

  /** Throws the victim out, again and again, until no connection is left that it could have instead. */
  async take(): Promise<void> {
    const { administer, connections, victim } = this.options
    const among = `FROM pg_stat_activity WHERE usename = '${victim}'`
    await until(
      async () => {
        await administer(`SELECT pg_terminate_backend(pid) ${among}`)
        const free = connections - this.#clients.size
        await Promise.all(Array.from({ length: free }, () => this.#grab()))
        const left = await administer(`SELECT pid ${among}`)
        return left.length === 0 && this.#clients.size === connections
      },
      () => `the crowd has only ${this.#clients.size} connections`,
    )
  }

  async leave(): Promise<void> {
    const clients = [...this.#clients]
    this.#clients.clear()
    await Promise.all(clients.map((client) => client.end()))
  }

  async #grab(): Promise<void> {
    const client = new Client(this.options.url)
    try {
      await client.connect()
      this.#clients.add(client)
    } catch (error) {
      // Somebody else has had it.
      if (!(error instanceof Error && 'code' in error && error.code === '53300')) throw error
    }
  }
}
