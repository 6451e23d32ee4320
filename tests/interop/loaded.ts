/** Which versions this run is about, and which ones it really has. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Versions {
  readonly telegraf: string
  readonly redis: string
  readonly pg: string
}

declare const VERSIONS: Versions

/** As jest.config.ts names them. */
export const versions = VERSIONS

/** Whether this run's Telegraf is `version` or newer, the minor number of 4 being what differs. */
export function telegrafSince(minor: number): boolean {
  return Number(versions.telegraf.split('.')[1]) >= minor
}

/** The version of the package that this file belongs to. */
export function versionOf(file: string): string {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (!existsSync(manifest)) continue
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string }
    if (version !== undefined) return version
  }
  throw new Error(`${file} belongs to no package`)
}

/** Whether a version is of this line: `'4.13'` of `'4.13.1'`. */
export function isOf(version: string, line: string): boolean {
  return version === line || version.startsWith(`${line}.`)
}
