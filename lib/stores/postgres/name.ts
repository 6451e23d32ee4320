/** What a store is called where its health is told: its kind and its address, never a password. */
import { whereOf } from './problems'
import { isClient, isPglite, isPgliteUrl, isPool, pgliteFolder, type PostgresSource } from './sources'

/** @example nameOf('postgres://bot:secret@localhost:5432/bot') // 'postgres localhost:5432/bot' */
export function nameOf(source: PostgresSource): string {
  if (typeof source === 'string')
    return isPgliteUrl(source) ? `pglite ${pgliteFolder(source)}` : ofUrl(source)
  if (isPglite(source)) return 'pglite (your own)'
  if (isPool(source)) {
    const { options } = source
    const url: unknown = Reflect.get(options ?? {}, 'connectionString')
    return typeof url === 'string' ? ofUrl(url) : ofParts(options)
  }
  return ofParts(isClient(source) ? source : undefined)
}

function ofUrl(url: string): string {
  const where = whereOf(url).replace(/^\w+:\/\//, '')
  return `postgres ${where.replace(/^[^/]*@/, '').replace(/[?#].*$/s, '')}`
}

function ofParts(parts: object | undefined): string {
  const { host, port, database }: Partial<Record<'host' | 'port' | 'database', unknown>> = parts ?? {}
  if (typeof host !== 'string') return 'postgres (your own)'
  return `postgres ${host}:${Number(port ?? 5432)}/${typeof database === 'string' ? database : ''}`
}
