/** `telegraf-sentinel <command>`: which command, and what its end means to the shell. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SentinelOptionsError, SentinelUsageError, toError } from '../errors'
import { hintFor } from '../nearest'
import { readArguments, type Given, type OptionKinds } from './arguments'
import { HELP } from './help'
import { migrate, MIGRATE_OPTIONS } from './migrate'
import { schema, SCHEMA_OPTIONS } from './schema'

interface Command {
  readonly options: OptionKinds
  /** Resolves with the exit code. */
  readonly run: (given: Given) => number | Promise<number>
}

const COMMANDS: Readonly<Record<string, Command>> = {
  migrate: { options: MIGRATE_OPTIONS, run: migrate },
  schema: { options: SCHEMA_OPTIONS, run: schema },
}
const COMMON: OptionKinds = { help: 'flag', version: 'flag' }

/** Exit codes: 0 done, 1 something failed, 2 the command is wrong; more than 128: stopped by a signal. Never rejects. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    return await carryOut(args)
  } catch (thrown) {
    process.stderr.write(`telegraf-sentinel: ${toError(thrown).message}\n`)
    return thrown instanceof SentinelUsageError || thrown instanceof SentinelOptionsError ? 2 : 1
  }
}

async function carryOut(args: readonly string[]): Promise<number> {
  const name = args.find((arg) => !arg.startsWith('-'))
  const command = args[0] === name ? commandOf(name) : undefined
  const given = readArguments(args, { ...COMMON, ...command?.options })
  if (given.flags.has('help')) return print(HELP)
  if (given.flags.has('version')) return print(`${versionOf()}\n`)
  if (command !== undefined) return command.run(given)
  throw new SentinelUsageError(
    `a command comes first; ${hintFor('', Object.keys(COMMANDS), 'commands')} (--help)`,
  )
}

function commandOf(name: string | undefined): Command | undefined {
  if (name === undefined) return undefined
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name]
  throw new SentinelUsageError(
    `there is no command '${name}'; ${hintFor(name, Object.keys(COMMANDS), 'commands')} (--help)`,
  )
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function versionOf(): string {
  const manifest = readFileSync(join(__dirname, '../../package.json'), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
