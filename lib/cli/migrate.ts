/** `telegraf-sentinel migrate`: one store's lasting records into another, with a bar, to be gone on with when interrupted. */
import { SentinelError, SentinelUsageError } from '../errors'
import { migrateStore, type MigrateCounts, type MigrateOptions } from '../stores/migrate'
import type { StorageAdapter } from '../stores/store'
import { required, type Given, type OptionKinds } from './arguments'
import { displayOn } from './progress'
import { StateFile } from './state-file'
import { nameOf, openArgument } from './store-argument'

export const MIGRATE_OPTIONS: OptionKinds = {
  from: 'text',
  to: 'text',
  prefix: 'text',
  bot: 'text',
  'to-prefix': 'text',
  'to-bot': 'text',
  state: 'text',
  restart: 'flag',
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

/** The shell, or somebody at it, wants it to stop. */
class Interrupted extends Error {
  constructor(readonly exitCode: number) {
    super('interrupted')
  }
}

export async function migrate(given: Given): Promise<number> {
  const [from, to] = [required(given, 'from'), required(given, 'to')]
  const names = namesIn(given)
  if (from === to && isUnmoved(names)) {
    throw new SentinelUsageError('--from and --to are the same store: there is nothing to copy')
  }
  const identity = [nameOf(from), nameOf(to), ...Object.entries(names).flat()]
  const state = new StateFile(identity, given.texts.get('state'))
  state.check()
  if (given.flags.has('restart')) state.remove()
  const resumeFrom = state.read()
  const source = await openArgument('--from', from)
  try {
    const target = await openArgument('--to', to)
    try {
      if (resumeFrom !== undefined) say(`Going on where the last run ended (${state.path}).`)
      const copied = await copy(source, target, { ...names, resumeFrom }, state)
      if (typeof copied === 'number') return copied
      say(`${inWords(copied)} of ${nameOf(from)} are in ${nameOf(to)}.`)
      return 0
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** Whether the records would go to where they are. */
function isUnmoved({ prefix, bot, toPrefix = prefix, toBot = bot }: MigrateOptions): boolean {
  return toPrefix === prefix && toBot === bot
}

/** Resolves with the counts, or with the exit code of an interruption. */
async function copy(
  source: StorageAdapter,
  target: StorageAdapter,
  options: MigrateOptions,
  state: StateFile,
): Promise<MigrateCounts | number> {
  const controller = new AbortController()
  const stop = (signal: keyof typeof SIGNALS): void => {
    process.stderr.write('\nFinishing the page that is under way …\n')
    controller.abort(new Interrupted(SIGNALS[signal]))
  }
  for (const signal of Object.keys(SIGNALS)) process.once(signal, stop)
  const display = displayOn(process.stdout)
  let saved = options.resumeFrom !== undefined
  try {
    const counts = await migrateStore(source, target, {
      ...options,
      count: true,
      signal: controller.signal,
      onProgress: (progress) => {
        state.write(progress.token)
        saved = true
        display.show(progress)
      },
    })
    display.end()
    state.remove()
    return counts
  } catch (thrown) {
    display.end()
    // What is wrong with the command is not put right by running it again.
    if (saved && !(thrown instanceof SentinelError && thrown.code === 'SENTINEL_OPTIONS'))
      say(howToGoOn(state))
    if (thrown instanceof Interrupted) return thrown.exitCode
    throw thrown
  } finally {
    for (const signal of Object.keys(SIGNALS)) process.removeListener(signal, stop)
  }
}

function namesIn({ texts }: Given): Pick<MigrateOptions, 'prefix' | 'bot' | 'toPrefix' | 'toBot'> {
  return {
    prefix: texts.get('prefix'),
    bot: texts.get('bot'),
    toPrefix: texts.get('to-prefix'),
    toBot: texts.get('to-bot'),
  }
}

function howToGoOn({ path }: StateFile): string {
  return `Not all is copied yet. The same command goes on from here (${path}); with --restart it starts over.`
}

function inWords({ blocks, registrations, members }: MigrateCounts): string {
  const [first, second, third] = [blocks, registrations, members].map((count) => count.toLocaleString('en'))
  return `${first} blocks, ${second} registrations and ${third} members`
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
