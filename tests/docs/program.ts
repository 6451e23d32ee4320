/** Blocks -> one TypeScript program, each block a strict module of its own at the very lines where it stands. */
import { dirname, resolve } from 'node:path'
import ts from 'typescript'
import { blocksOf, ROOT, type Block } from './blocks'
import { givenIn, inClass } from './fragments'
import { TYPESCRIPT } from './languages'

/** Files in memory, in a folder that is on no disk, so that relative imports of blocks find blocks only. */
const FOLDER = resolve(ROOT, 'tests/docs/.blocks')

/** `// src/bot.ts` as the first line names the file that a block is; the others of its document import it by that. */
export function nameOf(block: Block): string | undefined {
  return /^(?:\/\/|#) ([\w./-]+\.(?:[cm]?[jt]s|json|ya?ml|service))$/.exec(block.code.split('\n', 1)[0])?.[1]
}

/** Guides that go on with the files of another one. */
const CONTINUED: Readonly<Record<string, string>> = { 'docs/testing.md': 'docs/getting-started.md' }

/** The blocks with names of the guide that a document goes on from. */
export function filesBefore(file: string): Map<string, Block> {
  const before = file in CONTINUED ? blocksOf(CONTINUED[file]) : []
  const named = before.filter(({ language }) => TYPESCRIPT.includes(language))
  return new Map(
    named.flatMap((block) => {
      const name = nameOf(block)
      return name === undefined ? [] : [[name, block] as const]
    }),
  )
}

export interface Complaint {
  readonly place: string
  readonly message: string
}

/** What the compiler says of these blocks, each complaint with the document's line. */
export function complaintsAbout(blocks: readonly Block[]): Complaint[] {
  const files = new Map<string, string>()
  const owners = new Map<string, Block>()
  for (const block of blocks) {
    const path = pathOf(block)
    if (files.has(path)) throw new Error(`${block.place}: this document has another block named ${path}`)
    files.set(path, sourceOf(block))
    owners.set(path, block)
  }
  for (const file of new Set(blocks.map((block) => block.file))) {
    for (const [name, block] of filesBefore(file)) files.set(resolve(folderOf(file), name), sourceOf(block))
  }
  const options = compilerOptions()
  const program = ts.createProgram([...files.keys()], options, hostOver(files, options))
  return [...owners].flatMap(([path, block]) => {
    const source = program.getSourceFile(path)
    if (source === undefined) throw new Error(`${block.place}: was not read`)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      (diagnostic) => ({
        place: `${block.file}:${lineIn(source, diagnostic) ?? block.line}`,
        message: ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'),
      }),
    )
  })
}

/** What is given stands on the first line, which is none of the block's own. */
function sourceOf(block: Block): string {
  return `${givenIn(block)}${'\n'.repeat(block.line - 1)}${inClass(block.code)}`
}

function folderOf(file: string): string {
  return resolve(FOLDER, file.replace(/\W/g, '_'))
}

function lineIn(source: ts.SourceFile, { start }: ts.Diagnostic): number | undefined {
  return start === undefined ? undefined : source.getLineAndCharacterOfPosition(start).line + 1
}

/** A block that waits at its top level is an ES module, others are what most bots are: CommonJS. */
function pathOf(block: Block): string {
  const folder = folderOf(block.file)
  return resolve(folder, nameOf(block) ?? `at-${block.line}.${extensionOf(block)}`)
}

function extensionOf({ language, code }: Block): string {
  if (['mjs', 'cjs', 'mts', 'cts'].includes(language)) return language
  if (language === 'js' || language === 'javascript') return /^import\b/m.test(code) ? 'mjs' : 'cjs'
  return waitsAtTop(code) ? 'mts' : 'ts'
}

function waitsAtTop(code: string): boolean {
  const source = ts.createSourceFile('block.ts', code, ts.ScriptTarget.ES2022)
  let waits = false
  const look = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) || ts.isClassLike(node)) return
    if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined))
      waits = true
    ts.forEachChild(node, look)
  }
  look(source)
  return waits
}

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(resolve(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object }
  }
  const { options, errors } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      allowJs: true,
      checkJs: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      // A reader's own project hardly asks for it.
      noImplicitOverride: false,
      moduleDetection: 'force',
      isolatedModules: false,
    },
    ROOT,
  )
  if (errors.length > 0) throw new Error(errors.map(({ messageText }) => String(messageText)).join('\n'))
  return options
}

/** What is no block: read once for all programs. */
const sources = new Map<string, ts.SourceFile | undefined>()

function hostOver(files: ReadonlyMap<string, string>, options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists, readFile, directoryExists } = host
  const folders = new Set([...files.keys()].flatMap(foldersOf))
  host.fileExists = (path) => files.has(path) || fileExists(path)
  host.readFile = (path) => files.get(path) ?? readFile(path)
  host.directoryExists = (path) => folders.has(path) || (directoryExists?.(path) ?? true)
  host.getSourceFile = (path, language, ...rest) => {
    const text = files.get(path)
    if (text !== undefined) return ts.createSourceFile(path, text, language)
    if (!sources.has(path)) sources.set(path, getSourceFile.call(host, path, language, ...rest))
    return sources.get(path)
  }
  return host
}

function foldersOf(path: string): string[] {
  const folder = dirname(path)
  return folder.length <= ROOT.length ? [] : [folder, ...foldersOf(folder)]
}
