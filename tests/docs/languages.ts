/** Which languages the documents speak, and what becomes of each. */

/** Compiled, all in one program. */
export const TYPESCRIPT = ['ts', 'typescript', 'mts', 'cts', 'js', 'javascript', 'mjs', 'cjs']
/** Read by a parser (other.test.ts). */
export const PARSED = ['json', 'jsonc', 'yaml', 'yml', 'ini', 'sh', 'sql']
/** Nobody's code: output, other people's programs, differences. */
export const SHOWN = ['text', 'diff', 'python']
