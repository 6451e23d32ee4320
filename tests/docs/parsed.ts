/** Blocks that are no programs: each is read by what would read it in earnest, or by the few rules that matter. */
import { execFileSync } from 'node:child_process'
import ts from 'typescript'
import { parseAllDocuments } from 'yaml'
import { ROOT, textOf, type Block } from './blocks'

interface Manifest {
  readonly name: string
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: object
  readonly peerDependencies: object
}

const manifest = JSON.parse(textOf('package.json')) as Manifest

/** What a guide may tell its reader to install, besides this package and its peers. */
const READERS_TOOLS = [
  'typescript',
  'nestjs-telegraf',
  'tsx',
  '@types/node',
  'jest',
  'ts-jest',
  '@types/jest',
  'vitest',
  'fast-check',
  'nestjs-telegraf',
]

/** What is wrong with a block; nothing, if all is well. */
export function problemsOf(block: Block): readonly string[] {
  switch (block.language) {
    case 'json':
    case 'jsonc':
      return jsonProblems(block)
    case 'yaml':
    case 'yml':
      return parseAllDocuments(block.code).flatMap(({ errors }) => errors.map(({ message }) => message))
    case 'ini':
      return unitProblems(block.code)
    case 'sh':
      return shellProblems(block.code)
    default:
      throw new Error(`${block.place}: nobody reads ${block.language} here`)
  }
}

function jsonProblems({ code, language }: Block): string[] {
  const isConfig = code.includes('compilerOptions')
  if (language === 'json' && !isConfig) return errorOf(() => JSON.parse(code) as unknown)
  const { config, error } = ts.parseConfigFileTextToJson('tsconfig.json', code) as {
    config?: { compilerOptions?: object }
    error?: ts.Diagnostic
  }
  if (error !== undefined) return [String(error.messageText)]
  const { errors } = ts.convertCompilerOptionsFromJson(config?.compilerOptions ?? {}, ROOT)
  return errors.map(({ messageText }) => String(messageText))
}

/** Sections and settings of a systemd service, as far as the guides use them. */
const UNIT: Readonly<Record<string, readonly string[]>> = {
  Unit: [
    'Description',
    'Documentation',
    'After',
    'Wants',
    'Requires',
    'StartLimitIntervalSec',
    'StartLimitBurst',
  ],
  Service: [
    ...[
      'Type',
      'ExecStart',
      'ExecReload',
      'WorkingDirectory',
      'Environment',
      'EnvironmentFile',
      'User',
      'Group',
    ],
    ...['DynamicUser', 'Restart', 'RestartSec', 'KillSignal', 'KillMode', 'TimeoutStopSec', 'StateDirectory'],
    ...['NoNewPrivileges', 'ProtectSystem', 'ProtectHome', 'PrivateTmp', 'LimitNOFILE', 'MemoryMax'],
  ],
  Install: ['WantedBy'],
}

function unitProblems(code: string): string[] {
  let section = ''
  return code.split('\n').flatMap((line, i) => {
    if (/^\s*([#;].*)?$/.test(line)) return []
    const [, header] = /^\[(\w+)\]$/.exec(line) ?? []
    if (header !== undefined) {
      section = header
      return header in UNIT ? [] : [`line ${i + 1}: no section of a service: ${line}`]
    }
    const [, key] = /^(\w+)=\S/.exec(line) ?? []
    return UNIT[section]?.includes(key) ? [] : [`line ${i + 1}: no setting of [${section}]: ${line}`]
  })
}

function shellProblems(code: string): string[] {
  const syntax = errorOf(() => execFileSync('bash', ['-n'], { input: code, stdio: ['pipe', 'pipe', 'pipe'] }))
  const scripts = [...code.matchAll(/npm run (?:--silent )?([\w:]+)/g)].map(([, name]) => name)
  const unknown = scripts
    .filter((name) => !(name in manifest.scripts))
    .map((name) => `no script: npm run ${name}`)
  return [
    ...syntax,
    ...unknown,
    ...installed(code)
      .filter((name) => !mayBeInstalled(name))
      .map((name) => `npm install ${name}: not a peer`),
  ]
}

function installed(code: string): string[] {
  const commands = [...code.matchAll(/npm (?:i|install|add)\b([^#\n&|;]*)/g)].map(([, names]) =>
    names.trim().split(/\s+/),
  )
  return commands.flat().filter((word) => word !== '' && !word.startsWith('-'))
}

function mayBeInstalled(name: string): boolean {
  const bare = name.replace(/(?<=.)@.*$/, '')
  const ours = [manifest.name, ...Object.keys(manifest.peerDependencies), ...READERS_TOOLS]
  return ours.includes(bare)
}

function errorOf(read: () => unknown): string[] {
  try {
    read()
    return []
  } catch (thrown) {
    return [String((thrown as Error).message)]
  }
}
