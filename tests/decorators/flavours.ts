/** The same source under both flavours of decorators. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

export type Flavour = 'legacy' | 'standard'
export const FLAVOURS: readonly Flavour[] = ['legacy', 'standard']

/** Compiles and runs a module whose imports are relative to this folder; gives its exports. */
export function evaluate<T>(source: string, flavour: Flavour): T {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.CommonJS,
      experimentalDecorators: flavour === 'legacy',
    },
  })
  const module = { exports: {} }
  const run = new Function('module', 'exports', 'require', outputText) as (...args: unknown[]) => void
  run(module, module.exports, require)
  return module.exports as T
}

/** A file of this folder, compiled in one flavour. */
export function load<T>(file: string, flavour: Flavour): T {
  return evaluate<T>(readFileSync(join(__dirname, file), 'utf8'), flavour)
}
