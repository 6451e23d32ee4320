/** A command line as it was meant, or what is wrong with it. */
import { parseArgs } from 'node:util'
import { SentinelUsageError } from '../errors'
import { hintFor } from '../nearest'

/** Options by name: `flag`s stand alone, a `text` has a value. */
export type OptionKinds = Readonly<Record<string, 'flag' | 'text'>>

export interface Given {
  readonly flags: ReadonlySet<string>
  readonly texts: ReadonlyMap<string, string>
}

/** @throws SentinelUsageError for an option that is not known, one without its value, or a word too many */
export function readArguments(args: readonly string[], kinds: OptionKinds): Given {
  const options = Object.fromEntries(
    Object.entries(kinds).map(([name, kind]) => [
      name,
      { type: kind === 'flag' ? 'boolean' : 'string' } as const,
    ]),
  )
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const flags = new Set<string>()
  const texts = new Map<string, string>()
  let words = 0
  for (const token of tokens) {
    if (token.kind === 'positional') {
      // The first is the command.
      if (words++ > 0) throw new SentinelUsageError(`what is '${token.value}'? (--help)`)
    }
    if (token.kind !== 'option') continue
    const { name, rawName, value } = token
    checkName(name, rawName, kinds)
    if (kinds[name] === 'flag') {
      if (value !== undefined) throw new SentinelUsageError(`${rawName} takes no value`)
      flags.add(name)
    } else {
      texts.set(name, checkedValue(token))
    }
  }
  return { flags, texts }
}

/** The value of an option that must be there. */
export function required(given: Given, name: string): string {
  const value = given.texts.get(name)
  if (value === undefined) throw new SentinelUsageError(`--${name} is missing (--help)`)
  return value
}

function checkName(name: string, rawName: string, kinds: OptionKinds): void {
  if (Object.hasOwn(kinds, name) && rawName.startsWith('--')) return
  const hint = hintFor(
    `--${name}`,
    Object.keys(kinds).map((known) => `--${known}`),
    'options',
  )
  throw new SentinelUsageError(`there is no option '${rawName}' here; ${hint} (--help)`)
}

interface OptionToken {
  readonly rawName: string
  readonly value?: string
  readonly inlineValue?: boolean
}

function checkedValue({ rawName, value, inlineValue }: OptionToken): string {
  if (value === undefined || value === '') throw new SentinelUsageError(`${rawName} needs a value`)
  // Else a forgotten value would swallow the next option.
  if (!inlineValue && value.startsWith('-')) {
    throw new SentinelUsageError(`${rawName} needs a value; if it is '${value}', write ${rawName}=${value}`)
  }
  return value
}
