import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { LEAST_PRIVILEGES } from '../lib/stores/redis/problems'

const root = resolve(__dirname, '..')

/** As links name them. */
function headingsOf(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replace(/ /g, '-'),
  )
}

const FILES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docs/stores.md', 'docs/reliability.md']

describe.each(FILES)('%s', (file) => {
  const text = readFileSync(resolve(root, file), 'utf8')

  test('links to files that exist, and to headings that it has', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link)
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return false
      const [path, heading] = link.split('#')
      const target = path === '' ? resolve(root, file) : resolve(dirname(resolve(root, file)), path)
      return !existsSync(target) || (heading !== undefined && !headingsOf(target).includes(heading))
    })
    expect(broken).toEqual([])
  })

  test('names scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as {
      scripts: object
    }
    const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })
})

test('docs/stores.md names the very permissions that the Redis store is tested with', () => {
  const text = readFileSync(resolve(root, 'docs/stores.md'), 'utf8')
  expect(text).toContain(` ${LEAST_PRIVILEGES.replace('<prefix>', 'sentinel')}\n`)
})
