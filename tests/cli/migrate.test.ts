import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Blocks, Members } from '../../lib/stores/records'
import { FileStore } from '../../samples/own-store/file-store'
import { Folder } from './shell'

const HOUR = 3_600_000
const folders: Folder[] = []
afterEach(() => folders.splice(0).forEach((folder) => folder.remove()))

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)
const MIGRATE = ['migrate', '--from', './a.cjs', '--to', './b.cjs']

/** Two FileStores; `a` has two blocks (and one that is over), some registrations and a member. */
async function setUp(registrations: number, space = 'sentinel:main'): Promise<Folder> {
  const folder = new Folder('a', 'b')
  folders.push(folder)
  const store = new FileStore(folder.storeOf('a'))
  await store.connect()
  await new Blocks(store, space, Date.now).addMany([1, { userId: 2, for: '1h', reason: 'spam' }])
  await new Blocks(store, space, () => Date.now() - 2 * HOUR).add(3, { for: '1h' })
  await new Members(store, space, Date.now).record(1, true, 5, 5)
  await addQuickly(folder, registrations, space)
  return folder
}

/** A FileStore writes all of itself for each record: this writes it once. */
async function addQuickly(folder: Folder, registrations: number, space: string): Promise<void> {
  const file = join(folder.storeOf('a'), 'store.json')
  const data = JSON.parse(readFileSync(file, 'utf8')) as { version: number; entries: Record<string, object> }
  for (const userId of upTo(registrations)) {
    const value = { userId, profile: { name: `u${userId}` }, since: 7 }
    data.entries[`${space}:registrations::${userId}`] = { value, version: ++data.version }
  }
  writeFileSync(file, JSON.stringify(data))
}

async function idsIn(folder: Folder, space = 'sentinel:main'): Promise<number[]> {
  const store = new FileStore(folder.storeOf('b'))
  await store.connect()
  const { records } = await store.listRecords({ space, namespace: 'registrations' }, { limit: 1e6 })
  return records.map(({ userId }) => userId).sort((a, b) => a - b)
}

const stateOf = (folder: Folder): string[] =>
  readdirSync(folder.path).filter((name) => !/\.cjs$|-data$/.test(name))

test('copies all, with plain lines where there is no terminal, and leaves no state', async () => {
  const folder = await setUp(120)
  const { code, out, err } = await folder.run(MIGRATE)
  expect([code, err]).toEqual([0, ''])
  expect(out.split('\n').slice(0, -1)).toEqual([
    'blocks: 2 of 2',
    'registrations: 120 of 120',
    'members: 1 of 1',
    `2 blocks, 120 registrations and 1 members of ${join(folder.path, 'a.cjs')} are in ${join(folder.path, 'b.cjs')}.`,
  ])
  expect(await idsIn(folder)).toEqual(upTo(120))
  expect(stateOf(folder)).toEqual([])
  const again = await folder.run(MIGRATE)
  expect([again.code, again.out]).toEqual([0, out])
})

test('to a bot of another name', async () => {
  const folder = await setUp(5, 'p:old')
  const names = ['--prefix', 'p', '--bot', 'old', '--to-prefix=q', '--to-bot', 'new']
  expect(await folder.run([...MIGRATE, ...names])).toMatchObject({ code: 0, err: '' })
  expect([await idsIn(folder, 'q:new'), await idsIn(folder, 'p:old')]).toEqual([upTo(5), []])
})

test('killed in the middle, it goes on where it was, and all is there', async () => {
  const folder = await setUp(1_400)
  const killed = await folder.run(MIGRATE, folder.signalAfter(2, 'SIGKILL'))
  expect(killed).toMatchObject({ signal: 'SIGKILL' })
  const [state] = stateOf(folder)
  expect(state).toMatch(/^telegraf-sentinel-migrate-[0-9a-f]{12}\.json$/)
  expect(await idsIn(folder)).toHaveLength(1_000)
  const { code, out } = await folder.run(MIGRATE)
  expect(code).toBe(0)
  expect(out).toContain(`Going on where the last run ended (${state}).`)
  expect(out).not.toContain('blocks: 2 of 2')
  expect(out).toContain('2 blocks, 1,400 registrations and 1 members')
  expect(await idsIn(folder)).toEqual(upTo(1_400))
  expect(stateOf(folder)).toEqual([])
})

test('Ctrl+C: the page is finished, the state kept, and how to go on is said', async () => {
  const folder = await setUp(1_300)
  const { code, out, err } = await folder.run(
    [...MIGRATE, '--state', 'how-far.json'],
    folder.signalAfter(1, 'SIGINT'),
  )
  expect(code).toBe(130)
  expect(err).toContain('Finishing the page that is under way')
  expect(out).toContain('The same command goes on from here (how-far.json); with --restart it starts over.')
  // The signal comes before or after the next page begins, and never in the middle of it.
  expect([0, 1_000]).toContain((await idsIn(folder)).length)
  expect(stateOf(folder)).toEqual(['how-far.json'])
  const restarted = await folder.run([...MIGRATE, '--state', 'how-far.json', '--restart'])
  expect(restarted.out).toContain('blocks: 2 of 2')
  expect(restarted.out).not.toContain('Going on')
  expect(await idsIn(folder)).toEqual(upTo(1_300))
  expect(stateOf(folder)).toEqual([])
})

test('the state of another migration is not used', async () => {
  const folder = await setUp(1)
  folder.write('other.json', JSON.stringify({ id: 'x', token: 'y' }))
  folder.write('half.json', '{"id"')
  for (const file of ['other.json', 'half.json']) {
    const { code, err } = await folder.run([...MIGRATE, '--state', file])
    expect(code).toBe(2)
    expect(err).toContain(`${file} is not the state of this migration`)
  }
  expect((await folder.run([...MIGRATE, '--state', 'half.json', '--restart'])).code).toBe(0)
})

test('a state file that cannot be written is said before anything is copied', async () => {
  const folder = await setUp(1)
  mkdirSync(join(folder.path, 'taken'))
  folder.write('plain', '')
  // What a user without the right gets: root, whom nothing is forbidden, may run this.
  folder.write(
    'forbidden.cjs',
    `require('node:fs').writeFileSync = () => {
      throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    }`,
  )
  const refused: readonly (readonly [string, string, string[]?])[] = [
    ['missing/state.json', `there is no directory ${join(folder.path, 'missing')}`],
    ['taken', 'it is a directory'],
    ['plain/state.json', `${join(folder.path, 'plain')} is not a directory`],
    ['state.json', `this user may not write it, or not in ${folder.path}`, ['-r', './forbidden.cjs']],
  ]
  for (const [file, reason, preload] of refused) {
    for (const more of [[], ['--restart']]) {
      const { code, out, err } = await folder.run([...MIGRATE, '--state', file, ...more], preload)
      const said = `the state file ${file} cannot be written: ${reason}; name another one (--state)`
      expect([code, out, err]).toEqual([2, '', `telegraf-sentinel: ${said}\n`])
    }
  }
  expect(await idsIn(folder)).toEqual([])
  expect(stateOf(folder).sort()).toEqual(['plain', 'taken'])
})

test('a store that fails ends it with its message and no stack, and what is done is kept', async () => {
  const folder = await setUp(1_001)
  folder.write(
    'full.cjs',
    `const store = require('./b.cjs')
    const put = store.putRecords
    store.putRecords = async function (place, records, meeting) {
      if (records.length === 1 && place.namespace === 'registrations') throw new Error('the disk is full')
      return place.namespace === 'blocks' ? put.call(store, place, records, meeting) : records
    }
    exports.store = store`,
  )
  const args = ['migrate', '--from', './a.cjs', '--to', './full.cjs']
  const { code, out, err } = await folder.run(args)
  expect([code, err]).toEqual([1, 'telegraf-sentinel: the disk is full\n'])
  expect(out).toContain('The same command goes on from here')
  expect(stateOf(folder)).toHaveLength(1)
})

test('no password is written anywhere', async () => {
  const folder = await setUp(1)
  folder.write('state.json', '{}')
  const url = 'redis://bot:hunter2@127.0.0.1:1/0?password=hunter2'
  const { code, out, err } = await folder.run([
    'migrate',
    '--from',
    './a.cjs',
    '--to',
    url,
    '--state=state.json',
  ])
  expect(code).toBe(2)
  expect(out + err).not.toContain('hunter2')
})
