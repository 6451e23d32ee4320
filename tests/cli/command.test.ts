import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { schemaSql } from '../../lib/stores/postgres'
import { run } from '../../lib/cli/run'
import { Folder, type Ended } from './shell'

const manifest = readFileSync(resolve(__dirname, '../../package.json'), 'utf8')
const { version } = JSON.parse(manifest) as { version: string }

/** Runs it in this process, for what ends before it needs anything of its own. */
async function here(args: readonly string[]): Promise<Omit<Ended, 'signal'>> {
  const said = { out: '', err: '' }
  const keep = (to: keyof typeof said) => (text: string | Uint8Array) => {
    said[to] += String(text)
    return true
  }
  const spies = [
    jest.spyOn(process.stdout, 'write').mockImplementation(keep('out')),
    jest.spyOn(process.stderr, 'write').mockImplementation(keep('err')),
  ]
  const code = await run(args)
  spies.forEach((spy) => spy.mockRestore())
  return { code, ...said }
}

const folder = new Folder('a', 'b')
afterAll(() => folder.remove())

test('--help and --version', async () => {
  const [help, ofMigrate, number] = [
    await folder.run(['--help']),
    await here(['migrate', '--help']),
    await here(['--version']),
  ]
  for (const { code, out, err } of [help, ofMigrate]) {
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('telegraf-sentinel migrate --from <store> --to <store>')
    expect(out).toContain('telegraf-sentinel schema')
  }
  expect(number).toMatchObject({ code: 0, out: `${version}\n`, err: '' })
})

test.each<[string, string[], RegExp]>([
  ['no command', [], /a command comes first; the commands are migrate, schema/],
  ['an option alone', ['--restart'], /there is no option '--restart' here/],
  ['a command mistyped', ['migrat'], /no command 'migrat'; did you mean 'migrate'\?/],
  ['a command of Object', ['constructor'], /no command 'constructor'; the commands are/],
  ['an option mistyped', ['migrate', '--form', 'x'], /no option '--form' here; did you mean '--from'\?/],
  ['an option of the other command', ['schema', '--state', 'x'], /no option '--state' here/],
  ['a short option', ['migrate', '-x'], /no option '-x' here/],
  ['no --from', ['migrate', '--to', './a.cjs'], /--from is missing/],
  ['no --to', ['migrate', '--from', './a.cjs'], /--to is missing/],
  ['no value', ['migrate', '--from', './a.cjs', '--to'], /--to needs a value/],
  [
    'one store twice',
    ['migrate', '--from', './a.cjs', '--to', './a.cjs'],
    /--from and --to are the same store/,
  ],
  ['an option for a value', ['migrate', '--from', '--to', './a.cjs'], /--from needs a value; .*--from=--to/],
  ['a value too much', ['migrate', '--restart=yes'], /--restart takes no value/],
  ['a word too much', ['migrate', './a.cjs'], /what is '.\/a.cjs'\?/],
  [
    'a scheme',
    ['migrate', '--from', 'redi://u:pw@h', '--to', './b.cjs'],
    /^.*--from: .* did you mean 'redis:\/\/'\?/,
  ],
  ['memory', ['migrate', '--from', 'memory', '--to', './b.cjs'], /--from: 'memory' is this process's own/],
  [
    'an empty prefix',
    ['migrate', '--from', './a.cjs', '--to', './b.cjs', '--prefix='],
    /--prefix needs a value/,
  ],
])('%s is a wrong command', async (_what, args, said) => {
  const { code, out, err } = await here(args)
  expect([code, out]).toEqual([2, ''])
  expect(err).toMatch(said)
  expect(err).not.toContain('pw')
  expect(err.trim().split('\n')).toHaveLength(1)
})

test('schema prints what the PostgreSQL store needs, in the schema that is named', async () => {
  const { code, out, err } = await folder.run(['schema', '--schema', 'guard'])
  expect([code, err, out]).toEqual([0, '', schemaSql({ schema: 'guard' })])
  expect((await here(['schema'])).out).toBe(schemaSql())
  const wrong = await here(['schema', '--schema', 'x"; DROP'])
  expect(wrong).toMatchObject({ code: 2, out: '', err: expect.stringContaining('letters, digits and _') })
})

test('a module without a store, one that is broken, one that is not there', async () => {
  folder.write('empty.cjs', 'module.exports = { store: new Map() }')
  folder.write('broken.mjs', "throw new Error('out of order')")
  const [empty, broken, none] = await Promise.all(
    ['./empty.cjs', './broken.mjs', './none.js'].map((from) =>
      folder.run(['migrate', '--from', from, '--to', './b.cjs']),
    ),
  )
  expect(empty).toMatchObject({
    code: 2,
    err: expect.stringContaining('./empty.cjs has no store: its default'),
  })
  expect(broken).toMatchObject({
    code: 1,
    err: expect.stringContaining('./broken.mjs cannot be loaded: out of'),
  })
  expect(none).toMatchObject({
    code: 1,
    err: expect.stringContaining('./none.js cannot be loaded: Cannot find'),
  })
})

test('it loads neither reflect-metadata nor a server’s client of its own accord', async () => {
  folder.write(
    'watch.cjs',
    `process.on('exit', () => {
      const loaded = Object.keys(require.cache).map((file) => /node_modules[\\\\/]((?:@[^\\\\/]+[\\\\/])?[^\\\\/]+)/.exec(file)?.[1])
      for (const name of ['reflect-metadata', 'redis', 'pg', '@electric-sql/pglite', 'telegraf'])
        if (loaded.includes(name)) process.stdout.write('LOADED ' + name)
      process.stdout.write(loaded.includes('zod') ? 'WATCHED' : 'BLIND')
    })`,
  )
  const { code, out } = await folder.run(['--version'], ['-r', './watch.cjs'])
  expect([code, out]).toEqual([0, `${version}\nWATCHED`])
})
