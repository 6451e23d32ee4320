/** What users can import: the package and its subpaths, each with its source. */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

export const ROOT = resolve(__dirname, '../..')

/** `telegraf-sentinel/testing` -> `lib/testing/index.ts`, for each subpath that package.json exports and that is written. */
export function entryPoints(): Map<string, string> {
  const { name, exports: subpaths } = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as {
    name: string
    exports: Record<string, { types: string } | string>
  }
  const found = Object.entries(subpaths).flatMap(([subpath, target]) => {
    if (typeof target === 'string') return []
    const source = target.types.replace(/^\.\/dist\//, 'lib/').replace(/\.d\.ts$/, '.ts')
    return [[subpath.replace(/^\./, name), source] as const]
  })
  return new Map(found.filter(([, source]) => existsSync(resolve(ROOT, source))))
}
