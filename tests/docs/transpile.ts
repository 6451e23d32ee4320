/** A block as CommonJS that can be run here. */
import ts from 'typescript'
import type { Block } from './blocks'
import { inClass } from './fragments'

/** CommonJS of this year, with the servers of this run. */
export function compiled({ code, language, place }: Block, redis: string): string {
  const local = code
    .replace(/rediss?:\/\/[^'"`\s]*/g, redis)
    .replace(/postgres(ql)?:\/\/[^'"`\s]*/g, 'memory')
    .replace(/pglite:[^'"`\s]*/g, 'memory')
    // A program that nobody waits for would go on after its test.
    .replace(/^void main\(/m, 'await main(')
  const { outputText, diagnostics = [] } = ts.transpileModule(inClass(local), {
    reportDiagnostics: true,
    fileName: language.startsWith('js') || language.endsWith('js') ? 'block.js' : 'block.ts',
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.CommonJS,
      experimentalDecorators: true,
      esModuleInterop: true,
    },
  })
  if (diagnostics.length > 0) throw new Error(`${place}: ${String(diagnostics[0].messageText)}`)
  return outputText
}

/** Whether `./bot` or `../bot.js` is the block that is named `src/bot.ts`. */
export function sameModule(path: string, name: string): boolean {
  if (!name.startsWith('.')) return false
  const bare = (text: string): string => text.replace(/^.*\//, '').replace(/\.[cm]?[jt]s$/, '')
  return bare(path) === bare(name)
}
