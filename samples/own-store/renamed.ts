import { renameSync } from 'node:fs'

/** Renames, and tells whether it could: an error of a harmless code says that it could not. */
export function renamed(from: string, to: string, harmless: readonly string[]): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (harmless.includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}
