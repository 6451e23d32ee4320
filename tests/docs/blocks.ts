/** The fenced code blocks of the documents, and the examples in public docstrings. */
import { readdirSync, readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'

export const ROOT = resolve(__dirname, '../..')

/** A piece of code that a reader may paste. */
export interface Block {
  /** `docs/limiters.md:34`: where its first line stands. */
  readonly place: string
  /** The document, from the root. */
  readonly file: string
  /** Of its first line, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
  /** What the document says in `<!-- not run: why -->` or `<!-- not compiled: why -->` just before the block. */
  readonly left: { readonly out: 'run' | 'compiled'; readonly why: string } | undefined
}

const NOT_FOR_READERS = /(^|\/)(node_modules|docs-site)\//

/** Every document of the repository that has code for readers. */
export function documents(): string[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'))
  const guides = readdirSync(resolve(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
  return [...top, ...guides].filter((name) => !NOT_FOR_READERS.test(name)).sort()
}

export function textOf(file: string): string {
  return readFileSync(resolve(ROOT, file), 'utf8')
}

/** The fenced blocks of a document, those inside lists too. */
export function blocksOf(file: string): Block[] {
  const lines = textOf(file).split('\n')
  const blocks: Block[] = []
  for (let i = 0; i < lines.length; i++) {
    const [, indent, fence, language] = /^(\s*)(`{3,})\s*([\w+-]*)/.exec(lines[i]) ?? []
    if (fence === undefined) continue
    const end = lines.findIndex((line, at) => at > i && line.trim() === fence)
    if (end === -1) throw new Error(`${file}:${i + 1}: this block has no end`)
    const code = lines.slice(i + 1, end).map((line) => line.slice(Math.min(indent.length, indentOf(line))))
    blocks.push({
      place: `${file}:${i + 2}`,
      file,
      line: i + 2,
      language: language.toLowerCase(),
      code: code.join('\n'),
      left: leftOut(lines, i),
    })
    i = end
  }
  return blocks
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}

function leftOut(lines: readonly string[], fence: number): Block['left'] {
  const before =
    lines
      .slice(0, fence)
      .filter((line) => line.trim() !== '')
      .at(-1) ?? ''
  const [, out, why] = /^\s*<!-- not (run|compiled): (.+) -->$/.exec(before) ?? []
  return out === 'run' || out === 'compiled' ? { out, why } : undefined
}

/** What follows `@example` in the docstrings of `lib/`, but for those of files that no user imports from. */
export function examples(): Block[] {
  const files = readdirSync(resolve(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  return files
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .flatMap((name) => examplesOf(`lib/${name}`))
}

function examplesOf(file: string): Block[] {
  const text = textOf(file)
  return [...text.matchAll(/\/\*\*[^]*?\*\//g)].flatMap((comment) => {
    const first = text.slice(0, comment.index).split('\n').length
    const lines = comment[0]
      .replace(/\s*\*\/$/, '')
      .split('\n')
      .map((line) => line.replace(/^\s*\/?\*+ ?/, ''))
    return examplesIn(lines, file, first)
  })
}

function examplesIn(lines: readonly string[], file: string, first: number): Block[] {
  const blocks: Block[] = []
  lines.forEach((line, i) => {
    const [, beside] = /^@example\b ?(.*)$/.exec(line) ?? []
    if (beside === undefined) return
    const next = lines.findIndex((later, at) => at > i && /^@\w+( |$)/.test(later) && isTag(later))
    const code = [beside, ...lines.slice(i + 1, next === -1 ? undefined : next)]
    const at = first + i
    const block = { file, line: at, place: `${file}:${at}`, language: 'ts', left: undefined }
    blocks.push({ ...block, code: code.filter((text) => !text.startsWith('```')).join('\n') })
  })
  return blocks
}

/** Decorators look like tags. */
function isTag(line: string): boolean {
  return /^@(param|returns?|throws|see|default|internal|remarks|example|typeParam)\b/.test(line)
}

/** A path as people write it in messages. */
export function fromRoot(path: string): string {
  return relative(ROOT, path)
}
