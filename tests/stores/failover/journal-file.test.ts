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
  ['a mark of the end of others that is none', '{"void":9}'],
])('a line that makes no sense (%s) is put aside and told of; the others hold', async (_name, line) => {
  const { first, store } = await away()
  await store.putRecords(BLOCKS, [block(1), block(2)], 'replace')
  await store.close()
  const [one, two] = linesOf(file)
  const spoilt = `\uFEFF${one}\n${line}\n${two}\n`
  writeFileSync(file, spoilt)
  writeFileSync(`${file}.bad`, 'an older one')
  const next = await away(first)
  expect(said(next.events)[0]).toBe(
    `storeError journal: line 2 of the journal ${file} makes no sense, and is left out; ${file}.bad.2 is a copy of the file: ${line.length > 80 ? line.slice(0, 80) + '…' : line}`,
  )
  expect(readFileSync(`${file}.bad`, 'utf8')).toBe('an older one')
  expect(readFileSync(`${file}.bad.2`, 'utf8')).toBe(spoilt)
  expect((await decide(next.store, SPACE, { block: true, actor: 2 })).reason).toBe('blocked')
  await next.store.close()
  const last = await again(first)
  expect(last.events).toEqual([])
  expect(await idsOf(first, 'blocks')).toEqual([1, 2])
  await last.store.close()
})

test('writes for a store that is not there any more are put aside and told of; those for others hold', async () => {
  const { first, store } = await away()
  await store.putRecords(BLOCKS, [block(1), block(2)], 'replace')
  await store.close()
  const content = readFileSync(file, 'utf8')
  writeFileSync(file, content.replace('"TroubledStore"', '"Former"'))
  const next = await again(first)
  expect(said(next.events)).toEqual([
    `storeError journal: the journal ${file} has writes that 'Former' is to get, and no store is called so; the stores are ` +
      `'TroubledStore', 'MemoryStore'. They are left out; ${file}.bad is a copy of the file`,
  ])
  expect(await idsOf(first, 'blocks')).toEqual([2])
  expect(linesOf(`${file}.bad`)).toHaveLength(2)
  await next.store.close()
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
    const truncate = jest.spyOn(fs, 'ftruncateSync').mockImplementation(() => {
      throw new Error('EIO: i/o error')
    })
    first.trouble = undefined
    await pass(5_000)
    expect(said(events)).toContainEqual(
      `storeError journal: the journal ${file} cannot be written: EIO: i/o error`,
    )
    expect(linesOf(file)).toHaveLength(1)
    truncate.mockRestore()
    first.trouble = 'fails'
    await store.putRecords(BLOCKS, [block(2)], 'replace')
    expect(linesOf(file)).toHaveLength(1)
    first.trouble = undefined
    await pass(20_000)
    expect(await idsOf(first, 'blocks')).toEqual([1, 2])
    expect(linesOf(file)).toEqual([])
    await store.close()
  })

  test('and cannot be, closing empties it', async () => {
    const { first, store } = await away()
    await store.putRecords(BLOCKS, [block(1)], 'replace')
    jest.spyOn(fs, 'ftruncateSync').mockImplementationOnce(() => {
      throw new Error('EIO: i/o error')
    })
    first.trouble = undefined
    await pass(5_000)
    await store.close()
    expect(linesOf(file)).toEqual([])
  })
})

describe('a file that can be written but not replaced, as one that is mounted by itself', () => {
  beforeEach(() => {
    jest.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      throw Object.assign(new Error(`EBUSY: resource busy or locked, rename '${String(from)}'`), {
        code: to === file ? 'EBUSY' : 'EIO',
      })
    })
  })
  afterEach(() => jest.restoreAllMocks())

  test('is emptied: what was replayed is not replayed once more after the next start', async () => {
    const { first, store, events } = await away()
    await store.putRecords(BLOCKS, [block(1)], 'replace')
    first.trouble = undefined
    await pass(5_000)
    expect(linesOf(file)).toEqual([])
    await store.dropRecords(BLOCKS, [1])
    await store.close()
    expect(said(events).filter((text) => text.startsWith('storeError'))).toEqual([])
    const next = await again(first)
    expect(await idsOf(first, 'blocks')).toEqual([])
    await next.store.close()
  })

  test('says what of it holds, where one store has got everything and another has not', async () => {
    const stores = [new TroubledStore(), new TroubledStore(), new MemoryStore()]
    const [first, second] = stores as TroubledStore[]
    first.trouble = second.trouble = 'fails'
    const { store } = await lineOf(stores, { journal: { file } })
    await store.putRecords(BLOCKS, [block(1), block(2)], 'replace')
    first.trouble = undefined
    await pass(5_000)
    expect(linesOf(file)).toHaveLength(5)
    expect(linesOf(file).at(-1)).toBe('{"void":2}')
    await store.dropRecords(BLOCKS, [1])
    await store.close()
    appendFileSync(file, '{"to":["Trou')
    second.trouble = undefined
    const next = await lineOf([first, second, new MemoryStore()], { journal: { file } })
    expect(said(next.events)).toEqual([expect.stringContaining('ends in a line that was not finished')])
    await pass(5_000)
    expect(await idsOf(first, 'blocks')).toEqual([2])
    expect(await idsOf(second, 'blocks')).toEqual([2])
    expect(linesOf(file)).toEqual([])
    await next.store.close()
  })
})

describe('closing', () => {
  test('waits for writes under way: what is confirmed is in the file', async () => {
    for (let turns = 0; turns < 30; turns++) {
      const { store } = await away()
      const written = store.putRecords(BLOCKS, [block(7)], 'replace').then(
        () => true,
        () => false,
      )
      for (let turn = 0; turn < turns; turn++) await undefined
      await store.close()
      expect(linesOf(file)).toHaveLength((await written) ? 1 : 0)
      rmSync(file)
    }
  })

  test('in the middle of carrying over: the file has what is left of it', async () => {
    const { first, store } = await away()
    const users = Array.from({ length: 600 }, (_, n) => block(n + 1))
    await store.putRecords(BLOCKS, users, 'replace')
    const put = first.putRecords.bind(first)
    first.putRecords = (place, records, meeting) =>
      records.length === 500 ? put(place, records, meeting) : new Promise(() => undefined)
    first.trouble = undefined
    await pass(150)
    await store.close()
    expect(linesOf(file)).toHaveLength(100)
  })

  test('does not wait for ever, and what comes after it is refused', async () => {
    const { store, second } = await away(new TroubledStore(), { timeout: '1h' })
    let go = (): void => undefined
    const gate = new Promise<void>((resolve) => (go = resolve))
    const put = second.putRecords.bind(second)
    second.putRecords = async (...args) => {
      await gate
      return put(...args)
    }
    const written = store.putRecords(BLOCKS, [block(1)], 'replace').catch((error: unknown) => String(error))
    const closing = store.close()
    // Longer than closing waits, and shorter than the write does.
    await pass(3_610_000)
    await closing
    go()
    expect(await written).toBe('StoreError: the store is closed, and its journal takes no more writes')
  })
})

test.each([
  ['a device', () => '/dev/null'],
  ['a folder', () => folder],
])('%s is no file for it', async (_what, path) => {
  const store = failover([new MemoryStore(), new MemoryStore()], { journal: { file: path() } })
  await expect(store.connect()).rejects.toThrow(`the journal ${path()} cannot be used: it is no regular file`)
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
