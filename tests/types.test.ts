/**
 * What the compiler must accept and what it must refuse, under both flavours of decorators.
 *
 * Each file of `types/fails` begins with the errors that it must give, one per line: `// TS1241: part of the text`.
 */
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'

const ROOT = join(__dirname, '..')
const COMPILES = filesIn('compiles')
const FAILS = filesIn('fails')

describe.each([
  ['legacy', true],
  ['standard', false],
])('under %s decorators', (_flavour, experimentalDecorators) => {
  const program = programOf(experimentalDecorators)

  test('the options are valid', () => {
    expect(program.getOptionsDiagnostics().map(textOf)).toEqual([])
  })

  test.each(COMPILES)('types/compiles/%s compiles', (file) => {
    expect(errorsIn(program, 'compiles', file).map(textOf)).toEqual([])
  })

  test.each(FAILS)('types/fails/%s does not compile', (file) => {
    const errors = errorsIn(program, 'fails', file).map(textOf)
    const expected = expectedIn(program, file)
    expect(expected).not.toEqual([])
    expect(errors).toEqual(expected.map((part) => expect.stringMatching(part)))
  })
})

function filesIn(folder: string): string[] {
  return readdirSync(join(__dirname, 'types', folder)).filter((name) => name.endsWith('.ts'))
}

function programOf(experimentalDecorators: boolean): ts.Program {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object }
  }
  const { options } = ts.convertCompilerOptionsFromJson(
    { ...config.compilerOptions, experimentalDecorators, noUnusedLocals: false, noUnusedParameters: false },
    ROOT,
  )
  const files = [
    ...COMPILES.map((name) => pathOf('compiles', name)),
    ...FAILS.map((name) => pathOf('fails', name)),
  ]
  return ts.createProgram(files, options)
}

function pathOf(folder: string, file: string): string {
  return join(__dirname, 'types', folder, file)
}

function errorsIn(program: ts.Program, folder: string, file: string): readonly ts.Diagnostic[] {
  const source = program.getSourceFile(pathOf(folder, file))
  if (source === undefined) throw new Error(`${relative(ROOT, pathOf(folder, file))} is not in the program`)
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
}

function textOf({ code, messageText }: ts.Diagnostic): string {
  return `TS${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
}

/** `TS1241: part` as a pattern: the code first, the part anywhere after it. */
function expectedIn(program: ts.Program, file: string): RegExp[] {
  const text = program.getSourceFile(pathOf('fails', file))?.text ?? ''
  return [...text.matchAll(/^\/\/ (TS\d+): ?(.*)$/gm)].map(
    ([, code, part]) => new RegExp(`^${code}: [^]*${part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`),
  )
}
