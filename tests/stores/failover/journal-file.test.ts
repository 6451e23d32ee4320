import fs, {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StoreError } from '../../../lib/errors'
import { failover, type FailoverOptions } from '../../../lib/stores/failover'
import { MemoryStore } from '../../../lib/stores/memory'
import { decide, limitOf } from '../../../lib/testing/contract/requests'
import { TroubledStore } from '../../support/troubled-store'
import {
  BLOCKS,
  block,
  idsOf,
  lineOf,
  pass,
  recordsOf,
  REGISTRATIONS,
  said,
  SPACE,
  useManualTime,
} from './support'

useManualTime()

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sentinel-journal-')))
let count = 0
let file = ''

beforeEach(() => void (file = join(folder, `journal-${++count}`)))
afterAll(() => rmSync(folder, { recursive: true }))

const linesOf = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1)

/** A bot whose first store is away from the beginning. */
async function away(first = new TroubledStore(), options: FailoverOptions = {}) {
  first.trouble = 'fails'
  const second = new MemoryStore()
  return { first, second, ...(await lineOf([first, second], { journal: { file }, ...options })) }
}

/** The next run of the same bot. */
async function again(first: TroubledStore) {
  first.trouble = undefined
  return lineOf([first, new MemoryStore()], { journal: { file } })
}

test('each write is a line before anybody is told that it was made; with the store back, the file is empty', async () => {
  const { first, store } = await away()
  await store.putRecords(BLOCKS, [block(1), block(2)], 'replace')
  expect(linesOf(file)).toHaveLength(2)
  await store.dropRecords(BLOCKS, [2])
  expect(linesOf(file)).toHaveLength(3)
  expect(JSON.parse(linesOf(file)[0])).toEqual({
    to: ['TroubledStore'],
    ...BLOCKS,
    at: expect.any(Number) as number,
    put: block(1),
    meeting: 'replace',
  })
  first.trouble = undefined
  await pass(5_000)
  expect(await idsOf(first, 'blocks')).toEqual([1])
  expect(linesOf(file)).toEqual([])
  await store.close()
})

test('what one run has not carried over, the next one does before the store serves', async () => {
  const { first, store, events } = await away()
  await store.putRecords(BLOCKS, [block(1), block(2), block(3)], 'replace')
  await store.dropRecords(BLOCKS, [2])
  await store.putRecords(REGISTRATIONS, [{ userId: 1, since: 5, profile: { name: 'Ä\n"' } }], 'keep-since')
  const flood = { limits: [limitOf({ limit: 1, blockFor: 60_000 })] }
  await decide(store, SPACE, flood)
  await decide(store, SPACE, flood)
  await store.close()
  expect(said(events)).toHaveLength(1)
  const next = await again(first)
  expect(await idsOf(first, 'blocks')).toEqual([1, 3, 42])
  expect(await recordsOf(first, 'registrations')).toEqual([
    { userId: 1, since: 5, profile: { name: 'Ä\n"' } },
  ])
  expect(linesOf(file)).toEqual([])
  expect(next.events).toEqual([])
  await next.store.close()
})

test('a store behind that has forgotten them gets them too: bans hold though the first is still away', async () => {
  const { first, store } = await away()
  await store.putRecords(BLOCKS, [block(1)], 'replace')
  await store.close()
  const next = await away(first)
  expect((await decide(next.store, SPACE, { block: true, actor: 1 })).reason).toBe('blocked')
  await next.store.close()
})

test('a line that was not finished is left out, and told of; what comes after it is whole', async () => {
  const { first, store } = await away()
  await store.putRecords(BLOCKS, [block(1)], 'replace')
  await store.close()
  appendFileSync(file, '{"to":["TroubledStore"],"spa')
  const torn = await away(first)
  expect(said(torn.events)).toContainEqual(
    expect.stringMatching(/^storeError journal: the journal .* ends in a line that was not finished.*"spa$/),
  )
  await torn.store.putRecords(BLOCKS, [block(2)], 'replace')
  await torn.store.close()
  const next = await again(first)
  expect(await idsOf(first, 'blocks')).toEqual([1, 2])
  await next.store.close()
})

test.each([
  ['no JSON', 'x'],
  ['an empty line', ''],
  ['another object', '{"a":1}'],
  ['a namespace that is none', '{"to":["TroubledStore"],"space":"s","namespace":"bans","at":1,"drop":1}'],
  ['no user', '{"to":["TroubledStore"],"space":"s","namespace":"blocks","at":1}'],
  [
    'a meeting that is none',
    '{"to":["TroubledStore"],"space":"s","namespace":"blocks","at":1,"put":{"userId":1,"since":1}}',
  ],
])(
  'a line in the middle that makes no sense (%s) is an error that names it, and nothing is lost',
  async (_name, line) => {
    const { first, store } = await away()
    await store.putRecords(BLOCKS, [block(1), block(2)], 'replace')
    await store.close()
    const [one, two] = linesOf(file)
    writeFileSync(file, `${one}\n${line}\n${two}\n`)
    const next = failover([first, new MemoryStore()], { journal: { file } })
    for (let n = 0; n < 2; n++)
      await expect(next.connect()).rejects.toThrow(`line 2 of the journal ${file} makes no sense`)
    expect(linesOf(file)).toEqual([one, line, two])
    // Repaired, it goes on.
    writeFileSync(file, `${one}\n${two}\n`)
    first.trouble = undefined
    await next.connect()
    expect(await idsOf(first, 'blocks')).toEqual([1, 2])
    await next.close()
  },
)

test('a store that is not there any more is not passed over', async () => {
  const { store } = await away()
  await store.putRecords(BLOCKS, [block(1)], 'replace')
  await store.close()
  const next = failover([new MemoryStore(), new MemoryStore()], { journal: { file } })
  await expect(next.connect()).rejects.toThrow(
    /has writes that 'TroubledStore' is to get, and no store is called so; the stores are 'MemoryStore', 'MemoryStore 2'/,
  )
  expect(linesOf(file)).toHaveLength(1)
})

test('one file, two stores in this process: the second is told so; after the first is closed it may', async () => {
  const { store } = await away()
  const other = failover([new MemoryStore(), new MemoryStore()], { journal: { file } })
  await expect(other.connect()).rejects.toThrow(
    /is open already in this process: each process needs a file of its own/,
  )
  await store.close()
  await other.connect()
  await other.close()
  expect(existsSync(`${file}.lock`)).toBe(false)
})

test('a path that cannot be', async () => {
  const missing = join(folder, 'no', 'such')
  const store = failover([new MemoryStore(), new MemoryStore()], { journal: { file: missing } })
  const error = await store.connect().catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(StoreError)
  expect(error).toMatchObject({ message: expect.stringContaining(missing) as string, code: 'SENTINEL_STORE' })
})

describe('a disk that takes nothing', () => {
  afterEach(() => jest.restoreAllMocks())

  const full = (bytes: number): void => {
    const write = fs.writeSync
    jest.spyOn(fs, 'writeSync').mockImplementation((descriptor, buffer) => {
      if (bytes > 0) return write(descriptor, String(buffer).slice(0, bytes))
      throw new Error('ENOSPC: no space left on device')
    })
  }

  test.each([0, 10])('(after %i bytes) refuses the write, and spoils nothing', async (bytes) => {
    const { first, store } = await away()
    await store.putRecords(BLOCKS, [block(1)], 'replace')
    full(bytes)
    await expect(store.putRecords(BLOCKS, [block(2)], 'replace')).rejects.toThrow(
      `the journal ${file} cannot be written: ENOSPC`,
    )
    jest.restoreAllMocks()
    await store.putRecords(BLOCKS, [block(3)], 'replace')
    await store.close()
    const next = await again(first)
    expect(await idsOf(first, 'blocks')).toEqual([1, 3])
    await next.store.close()
  })

  test('of a block that a decision has added it is told', async () => {
    const { store, events } = await away()
    full(0)
    const flood = { limits: [limitOf({ limit: 1, blockFor: 60_000 })] }
    await decide(store, SPACE, flood)
    expect((await decide(store, SPACE, flood)).blockAdded).toBeDefined()
    await pass(1)
    expect(said(events).at(-1)).toMatch(/^storeError journal: .* cannot be written: ENOSPC/)
    jest.restoreAllMocks()
    await store.close()
  })
})

test('the file does not grow with writes that undo each other', async () => {
  const { store } = await away()
  const users = Array.from({ length: 1_000 }, (_, n) => n + 1)
  for (let n = 0; n < 10; n++) {
    await store.putRecords(
      BLOCKS,
      users.map((id) => block(id)),
      'replace',
    )
    await store.dropRecords(BLOCKS, users)
  }
  expect(linesOf(file).length).toBeLessThan(15_000)
  await store.close()
})

describe('when the file is written anew', () => {
  afterEach(() => jest.restoreAllMocks())

  test('nothing has to be opened that might not open: what is written after it is kept', async () => {
    const { first, store } = await away()
    await store.putRecords(BLOCKS, [block(1)], 'replace')
    const open = fs.openSync
    jest.spyOn(fs, 'openSync').mockImplementation((path, flags, mode) => {
      if (path === file) throw new Error('EMFILE: too many open files')
      return open(path, flags, mode)
    })
    first.trouble = undefined
    await pass(5_000)
    expect(linesOf(file)).toEqual([])
    first.trouble = 'fails'
    await store.putRecords(BLOCKS, [block(2)], 'replace')
    jest.restoreAllMocks()
    await store.putRecords(BLOCKS, [block(3)], 'replace')
    expect(linesOf(file)).toHaveLength(2)
    await store.close()
    const next = await again(first)
    expect(await idsOf(first, 'blocks')).toEqual([1, 2, 3])
    await next.store.close()
  })

  test('and cannot be, it is told of, nothing is lost, and it is tried again', async () => {
    const { first, store, events } = await away()
    await store.putRecords(BLOCKS, [block(1)], 'replace')
    jest.spyOn(fs, 'renameSync').mockImplementationOnce(() => {
      throw new Error('EACCES: permission denied')
    })
    first.trouble = undefined
    await pass(5_000)
    expect(said(events)).toContainEqual(
      `storeError journal: the journal ${file} cannot be written: EACCES: permission denied`,
    )
    first.trouble = 'fails'
    await store.putRecords(BLOCKS, [block(2)], 'replace')
    expect(linesOf(file)).toHaveLength(2)
    first.trouble = undefined
    await pass(20_000)
    expect(await idsOf(first, 'blocks')).toEqual([1, 2])
    expect(linesOf(file)).toEqual([])
    await store.close()
  })
})

describe('a link', () => {
  test.each(['there already', 'not there yet'])('to a file that is %s stays one', async (kind) => {
    const target = join(folder, `disk-${count}`)
    mkdirSync(target)
    const real = join(target, 'journal')
    if (kind === 'there already') writeFileSync(real, '')
    symlinkSync(real, file)
    const { first, store } = await away()
    await store.putRecords(BLOCKS, [block(1)], 'replace')
    expect(linesOf(real)).toHaveLength(1)
    expect(existsSync(`${real}.lock`)).toBe(true)
    first.trouble = undefined
    await pass(5_000)
    expect(lstatSync(file).isSymbolicLink()).toBe(true)
    expect(linesOf(real)).toEqual([])
    await store.close()
  })

  test('and the file are one journal, which one store at a time may have', async () => {
    const { store } = await away()
    const alias = `${file}-alias`
    symlinkSync(file, alias)
    const other = failover([new MemoryStore(), new MemoryStore()], { journal: { file: alias } })
    await expect(other.connect()).rejects.toThrow(`the journal ${file} is open already in this process`)
    await store.close()
  })

  test('that goes in circles is an error that names it', async () => {
    symlinkSync(file, file)
    const store = failover([new MemoryStore(), new MemoryStore()], { journal: { file } })
    await expect(store.connect()).rejects.toThrow(`the journal ${file} cannot be used: ELOOP`)
  })
})
