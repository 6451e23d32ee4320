/** Loaded before anything that needs them: without it, Node would name a file of ours instead of what is missing. */
import { createRequire } from 'node:module'
import { codeOf, SentinelUsageError } from '../errors'

const PEERS = ['@nestjs/common', '@nestjs/core', 'rxjs']

const missing = PEERS.filter((name) => !isInstalled(name))
if (missing.length > 0) {
  const named = new Intl.ListFormat('en-GB').format(missing)
  const what = missing.length === 1 ? 'the package' : 'the packages'
  const message = `telegraf-sentinel/nestjs needs ${what} ${named}: npm install ${missing.join(' ')}`
  throw new SentinelUsageError(message)
}

function isInstalled(name: string): boolean {
  try {
    createRequire(__filename).resolve(name)
    return true
  } catch (thrown) {
    // Whatever else may be wrong with it shows where it is loaded.
    return codeOf(thrown) !== 'MODULE_NOT_FOUND'
  }
}
