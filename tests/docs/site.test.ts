/** `npm run docs` builds a site that works from a folder, without a network. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { problemsIn } from '../../scripts/docs/check'
import { entryPoints } from '../../scripts/docs/entries'
import { documents, ROOT, textOf } from './blocks'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'telegraf-sentinel-site-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('every document and every entry point has a page; links and pictures are there', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  const built = spawnSync('npx', [...scripts['docs'].split(' '), folder], { cwd: ROOT, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`npm run docs failed:\n${built.stderr}`)

  const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const headings = documents()
    .filter((file) => file !== 'README.md')
    .map((file) => /^# (.+)$/m.exec(textOf(file))?.[1])
  expect(titlesIn('documents')).toEqual(expect.arrayContaining(headings))
  expect(titlesIn('modules')).toEqual(expect.arrayContaining([...entryPoints().keys()]))
  expect(pages).toContain('functions/telegraf-sentinel.createSentinel.html')
  const front = readFileSync(join(folder, 'index.html'), 'utf8')
  expect(front).toContain('src="media/limiters.svg"')

  // A copy of a file could be that of another sample.
  expect(pages.filter((name) => name.endsWith('.ts'))).toEqual([])
  const samples = readdirSync(join(ROOT, 'samples'))
  expect(samples.filter((name) => !front.includes(`href="documents/Samples.${name}.html"`))).toEqual([])
  for (const name of samples) {
    const page = readFileSync(join(folder, `documents/Samples.${name}.html`), 'utf8')
    const headings = [...page.matchAll(/<h2 id="[^"]*"[^>]*>([\w-]+\.ts)</g)].map(([, heading]) => heading)
    expect(headings.sort()).toEqual(readdirSync(join(ROOT, 'samples', name)).sort())
  }
}, 60_000)

/** What the pages of a folder are about. */
function titlesIn(pages: string): (string | undefined)[] {
  return readdirSync(join(folder, pages)).map((page) => {
    const [, title] = /<title>(.*?) \|/.exec(readFileSync(join(folder, pages, page), 'utf8')) ?? []
    return title
      ?.replace(/&#39;/g, "'")
      .replace(/&quot;/g, '"')
      .replace(/&amp;/g, '&')
  })
}

test.each([
  [
    'a link to a page that is not there',
    '<a href="other.html">x</a>',
    'index.html links to other.html, which is not there',
  ],
  [
    'a link to a heading that is not there',
    '<a href="#far">x</a>',
    'index.html links to #far, which is not there',
  ],
  [
    'a picture from elsewhere',
    '<img src="https://example.org/x.png">',
    'index.html fetches https://example.org/x.png',
  ],
  [
    'a script from elsewhere',
    '<script src="//example.org/x.js"></script>',
    'index.html fetches //example.org/x.js',
  ],
  [
    'a font from elsewhere',
    '<style>@import "https://example.org/f.css"</style>',
    'index.html fetches https://example.org/f.css',
  ],
])('%s is found', (_what, html, problem) => {
  writeFileSync(join(folder, 'index.html'), html)
  expect(problemsIn(folder)).toEqual([problem])
})

test('links that lead somewhere are fine', () => {
  mkdirSync(join(folder, 'a'))
  writeFileSync(
    join(folder, 'index.html'),
    '<h1 id="top"></h1><a href="a/b.html#x">b</a><a href="https://example.org">out</a>',
  )
  writeFileSync(join(folder, 'a/b.html'), '<p id="x"></p><a href="../index.html#top">up</a>')
  expect(problemsIn(folder)).toEqual([])
})
