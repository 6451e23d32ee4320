/** The documents and the package's entry points -> HTML, by TypeDoc. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { entryPoints, ROOT } from './entries'
import { addSamples } from './samples'
import type { ProjectReflection } from 'typedoc' with { 'resolution-mode': 'import' }

/** A folder is no page where no server looks for one. */
const TO_FRONT_PAGE = /(href="(?:\.\.\/)+)((?:#[^"]*)?")/g

/** Builds the site; TypeDoc's complaints go to the terminal, and are counted here. */
export async function build(out: string): Promise<readonly string[]> {
  const typedoc = await import('typedoc')
  const { Application, Converter, PageEvent, TSConfigReader, TypeDocReader } = typedoc
  const entries = entryPoints()
  const options = {
    options: resolve(ROOT, 'typedoc.json'),
    entryPoints: [...entries.values()],
    projectDocuments: documents(),
    out,
  }
  const app = await Application.bootstrap(options, [new TypeDocReader(), new TSConfigReader()])
  app.renderer.on(PageEvent.END, (page) => {
    page.contents = page.contents?.replace(TO_FRONT_PAGE, '$1index.html$2')
  })
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => addSamples(typedoc, project))
  const project = await app.convert()
  if (project === undefined) return ['the sources do not compile']
  nameModules(project, [...entries.keys()])
  nameDocuments(project)
  app.validate(project)
  await app.generateOutputs(project)
  const { errorCount, warningCount } = app.logger
  const complaints = undocumented(project).map((name) => `${name} has no docstring`)
  if (errorCount + warningCount === 0) return complaints
  return [...complaints, `TypeDoc has ${errorCount} errors and ${warningCount} warnings`]
}

/** The guides in the order of docs/index.md, which has to name them all, then the documents of the project. */
function documents(): string[] {
  const linked = [...read('docs/index.md').matchAll(/\]\(([\w-]+\.md)[)#]/g)].map(([, name]) => name)
  const guides = [...new Set(['index.md', ...linked])]
  const missing = readdirSync(resolve(ROOT, 'docs')).filter(
    (name) => name.endsWith('.md') && !guides.includes(name),
  )
  if (missing.length > 0) throw new Error(`docs/index.md must name ${missing.join(', ')}`)
  const others = ['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'].filter((name) =>
    existsSync(resolve(ROOT, name)),
  )
  return [...guides.map((name) => `docs/${name}`), ...others]
}

/** Exports that say nothing of what they are for. */
function undocumented(project: ProjectReflection): string[] {
  const exported = (project.children ?? []).flatMap(({ children = [] }) => children)
  return exported
    .filter(({ comment, signatures, variant }) => {
      const said = comment ?? signatures?.find((signature) => signature.comment !== undefined)?.comment
      return variant === 'declaration' && said === undefined
    })
    .map((reflection) => reflection.getFriendlyFullName())
}

/** Modules bear the names that are imported, not those of folders. */
function nameModules(project: ProjectReflection, names: readonly string[]): void {
  project.children?.forEach((module, i) => (module.name = names[i]))
}

/** A document bears the name of its file until it is told its heading. */
function nameDocuments(project: ProjectReflection): void {
  for (const document of project.documents ?? []) {
    const file = project.files.getReflectionPath(document)
    if (file !== undefined) document.name = /^# (.+)$/m.exec(read(file))?.[1] ?? basename(file, '.md')
  }
}

function read(file: string): string {
  return readFileSync(resolve(ROOT, file), 'utf8')
}
