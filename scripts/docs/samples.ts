/** The samples as documents: a page for each folder, so that files of one name in two folders are not taken for each other. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { ROOT } from './entries'
import type * as TypeDoc from 'typedoc' with { 'resolution-mode': 'import' }

const SAMPLES = resolve(ROOT, 'samples')
/** Where a sample begins, the likeliest first. */
const BEGINNINGS = ['main.ts', 'app.ts', 'bot.ts']

/** Adds the pages to a project; a link to a sample's file leads to the sample's page. */
export function addSamples(
  { DocumentReflection, normalizePath }: typeof TypeDoc,
  project: TypeDoc.ProjectReflection,
): void {
  const add = (name: string, parent: TypeDoc.ProjectReflection | TypeDoc.DocumentReflection) => {
    const document = new DocumentReflection(name, parent, [], {})
    parent.addChild(document)
    project.registerReflection(document, undefined, undefined)
    return document
  }
  const index = add('Samples', project)
  index.content.push({ kind: 'text', text: '# Samples\n' })
  for (const name of readdirSync(SAMPLES).sort()) {
    const files = filesOf(name)
    const document = add(name, index)
    document.content.push({ kind: 'text', text: pageOf(name, files) })
    for (const file of files) project.files.registerReflectionPath(normalizePath(file), document)
    index.content.push({ kind: 'text', text: '\n- ' })
    index.content.push({ kind: 'inline-tag', tag: '@link', text: name, target: document })
    index.content.push({ kind: 'text', text: `: ${aboutOf(files[0])}` })
  }
}

/** The one that the sample begins with first. */
function filesOf(sample: string): string[] {
  const names = readdirSync(join(SAMPLES, sample)).sort()
  const first = BEGINNINGS.find((name) => names.includes(name)) ?? names[0]
  return [first, ...names.filter((name) => name !== first)].map((name) => join(SAMPLES, sample, name))
}

function pageOf(sample: string, files: readonly string[]): string {
  const shown = files.map((file) => `## ${basename(file)}\n\n\`\`\`ts\n${read(file)}\`\`\`\n`)
  return `# samples/${sample}\n\n${shown.join('\n')}`
}

/** What a file says of itself, on one line. */
function aboutOf(file: string): string {
  const [, comment = ''] = /^\/\*\*([^]*?)\*\//.exec(read(file)) ?? []
  return comment.replace(/\s*\n \* ?/g, ' ').trim()
}

function read(file: string): string {
  return readFileSync(file, 'utf8')
}
