import type { Context } from 'telegraf'
import type { Emitter } from './events'
import type { GuardPolicy } from './policy'
import { keyOf, unescapePart } from './keys'
import type { Entry, ScanPage, StorageAdapter, Version } from './stores/store'

/**
 * Plain JSON records of a plugin's own, on whatever store the sentinel has. Any text is a key; one that is stored
 * as a hash (it is longer than 96 characters) is listed as that hash.
 */
export interface PluginRecords {
  get(key: string): Promise<Entry | undefined>
  swap(key: string, expected: Version | null, value: unknown, ttl?: number): Promise<Version | null>
  delete(key: string, expected?: Version): Promise<boolean>
  scan(options: { cursor?: string; limit: number }): Promise<ScanPage>
}

/** What a plugin gets to work with. */
export interface PluginHost {
  readonly on: Emitter['on']
  readonly off: Emitter['off']
  readonly records: PluginRecords
}

/**
 * The package's seam for capabilities: a plugin may add bot-wide policies, listen to events and own a namespace of
 * records. It never alters the flow.
 *
 * @example
 * const audit: Plugin = {
 *   name: 'audit',
 *   setup: ({ on, records }) => on('blockAdded', ({ block }) => records.swap(String(block.since), null, block)),
 * }
 */
export interface Plugin<C extends Context = Context> {
  /** Letters, digits, `-`, `_`; also the namespace of its records and the default name of its buckets. */
  readonly name: string
  /** Judged for every update, like the bot-wide options. */
  readonly policy?: GuardPolicy<C>
  setup?(host: PluginHost): void
}

/** Gives each plugin its events and its namespace of records. */
export function setUpPlugins<C extends Context>(
  plugins: readonly Plugin<C>[],
  { space, store, emitter }: { space: string; store: StorageAdapter; emitter: Emitter },
): void {
  for (const plugin of plugins) {
    const at = (key: string): string => keyOf(space, 'plugin', plugin.name, key)
    const prefix = at('')
    plugin.setup?.({
      on: (name, listener) => emitter.on(name, listener),
      off: (name, listener) => emitter.off(name, listener),
      records: {
        get: (key) => store.get(at(key)),
        swap: (key, expected, value, ttl) => store.swap(at(key), expected, value, ttl),
        delete: (key, expected) => store.delete(at(key), expected),
        scan: async (options) => {
          const page = await store.scan(prefix, options)
          const own = (key: string): string => unescapePart(key.slice(prefix.length))
          return { ...page, entries: page.entries.map((entry) => ({ ...entry, key: own(entry.key) })) }
        },
      },
    })
  }
}
