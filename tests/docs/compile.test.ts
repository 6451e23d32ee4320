/** Every block of TypeScript and JavaScript in the documents compiles, strictly; so do the examples of the docstrings. */
import { blocksOf, documents, examples } from './blocks'
import { PARSED, SHOWN, TYPESCRIPT } from './languages'
import { complaintsAbout } from './program'

const blocks = documents().flatMap(blocksOf)

/** So many blocks are left out of what these tests do, each with its reason in the document. */
const LEFT_OUT: Readonly<Record<string, number>> = {}

test('blocks and examples compile', () => {
  const code = blocks.filter(
    ({ language, left }) => TYPESCRIPT.includes(language) && left?.out !== 'compiled',
  )
  const complaints = complaintsAbout([...code, ...examples()])
  expect(complaints.map(({ place, message }) => `${place}: ${message}`)).toEqual([])
})

test('a block that does not compile is complained about, with its line', () => {
  const block = { file: 'docs/x.md', place: 'docs/x.md:7', line: 7, language: 'ts', left: undefined }
  const code = `createSentinel({ storeTimeout: '1s' })\ncreateSentinel({ stoer: 'memory' })`
  expect(complaintsAbout([{ ...block, code }])).toEqual([
    { place: 'docs/x.md:8', message: expect.stringContaining('stoer') as string },
  ])
})

test('every block is in a language that somebody checks, or shows what is nobody’s code', () => {
  const known = [...TYPESCRIPT, ...PARSED, ...SHOWN]
  const strange = blocks.filter(({ language }) => !known.includes(language))
  expect(strange.map(({ place, language }) => `${place}: ${language || 'no language'}`)).toEqual([])
})

test('no more blocks are left out than are known to be', () => {
  const counts: Record<string, number> = {}
  for (const { left, file } of blocks) if (left !== undefined) counts[file] = (counts[file] ?? 0) + 1
  expect(counts).toEqual(LEFT_OUT)
})
