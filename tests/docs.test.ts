import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { LEAST_PRIVILEGES } from '../lib/stores/redis/problems'
import { documents, ROOT, textOf } from './docs/blocks'

/** Without code, in which nothing is a heading or a link. */
const proseOf = (file: string): string => textOf(file).replace(/^ *```[^]*?^ *```$/gm, '')

/** As links name them. */
function headingsOf(file: string): string[] {
  return [...proseOf(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replace(/ /g, '-'),
  )
}

describe.each(documents())('%s', (file) => {
  const links = [...proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link)

  test('links to files that exist, and to headings that they have', () => {
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return false
      const [path, heading] = link.split('#')
      const target = path === '' ? file : resolve(dirname(resolve(ROOT, file)), path)
      if (!existsSync(resolve(ROOT, target))) return true
      return heading !== undefined && !headingsOf(target).includes(heading)
    })
    expect(broken).toEqual([])
  })

  test('names scripts that package.json has', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: object }
    const named = [...textOf(file).matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })
})

test('docs/stores.md names the very permissions that the Redis store is tested with', () => {
  expect(textOf('docs/stores.md')).toContain(` ${LEAST_PRIVILEGES.replace('<prefix>', 'sentinel')}\n`)
})

test('docs/index.md names every guide', () => {
  const guides = documents().filter((file) => file.startsWith('docs/') && file !== 'docs/index.md')
  const index = textOf('docs/index.md')
  expect(guides.filter((guide) => !index.includes(`](${guide.replace('docs/', '')})`))).toEqual([])
})
