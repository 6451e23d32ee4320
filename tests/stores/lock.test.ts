import { fork } from 'node:child_process'
import { once } from 'node:events'
import fs, { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { takeLock, type Lock } from '../../lib/stores/lock'
import { TYPESCRIPT } from '../hammer/workers'

const WORKER = resolve(__dirname, '../support/lock-worker.ts')
/** More than any system gives out. */
const NOBODY = 2 ** 30
let folder = ''
let path = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sentinel-lock-'))
  path = join(folder, 'one.lock')
})
afterEach(() => {
  jest.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

function taken(of = path): Lock {
  const lock = takeLock(of)
  if (typeof lock === 'number') throw new Error(`process ${lock} has it`)
  return lock
}

/** A file system that knows no hard links. */
function withoutLinks(): void {
  jest.spyOn(fs, 'linkSync').mockImplementation(() => {
    throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' })
  })
}

/** Which of so many locks each of three processes has got, all of them at the same times. */
async function race(count: number): Promise<number[]> {
  const workers = [1, 2, 3].map(() => fork(WORKER, [folder, String(count)], { execArgv: TYPESCRIPT }))
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    const start = Date.now() + 50
    const said = workers.map((worker) => once(worker, 'message') as Promise<[number[]]>)
    for (const worker of workers) worker.send(start)
    return (await Promise.all(said)).flatMap(([got]) => got).sort((a, b) => a - b)
  } finally {
    await Promise.all(workers.map((worker) => (worker.kill(), once(worker, 'exit'))))
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

describe.each(['links', 'no links'])('a lock, on a file system that knows %s', (kind) => {
  beforeEach(() => {
    if (kind === 'no links') withoutLinks()
  })

  test('is had once, says who has it, and leaves nothing behind', () => {
    const lock = taken()
    expect(takeLock(path)).toBe(process.pid)
    expect(parseInt(readFileSync(path, 'utf8'))).toBe(process.pid)
    expect(readdirSync(folder)).toEqual(['one.lock'])
    lock.release()
    expect(readdirSync(folder)).toEqual([])
    taken().release()
  })

  test.each([
    ['a dead process', String(NOBODY)],
    ['an earlier process of a number that another has now', `${process.ppid} 0-0`],
    ['an earlier process of this number', `${process.pid} 0-0`],
    ['an earlier process of this number, which did not say when it began', String(process.pid)],
    ['one that died over it', ''],
    ['nobody who can be known', 'x'],
  ])('of %s is taken over', (_of, content) => {
    writeFileSync(path, content)
    const lock = taken()
    expect(parseInt(readFileSync(path, 'utf8'))).toBe(process.pid)
    lock.release()
    expect(readdirSync(folder)).toEqual([])
  })

  test('is taken over also where one died over taking it over', () => {
    writeFileSync(path, String(NOBODY))
    writeFileSync(`${path}.claim`, String(NOBODY))
    taken().release()
    expect(readdirSync(folder)).toEqual([])
  })

  test('of a living process stays its own', () => {
    writeFileSync(path, String(process.ppid))
    expect(takeLock(path)).toBe(process.ppid)
    expect(readFileSync(path, 'utf8')).toBe(String(process.ppid))
    expect(readdirSync(folder)).toEqual(['one.lock'])
  })

  test('that another has got by hand is not removed', () => {
    const lock = taken()
    writeFileSync(path, String(process.ppid))
    lock.release()
    expect(existsSync(path)).toBe(true)
  })
})

test('one that this process has, by another copy of this module, is known for its own', () => {
  const lock = taken()
  jest.isolateModules(() => {
    const other = jest.requireActual<{ takeLock: typeof takeLock }>('../../lib/stores/lock')
    expect(other.takeLock(path)).toBe(process.pid)
  })
  lock.release()
})

test('of three processes that take it at the same time, one has it', async () => {
  expect(await race(150)).toEqual(upTo(150))
})

test('of three processes that take over a stale one at the same time, one has it', async () => {
  for (const n of upTo(150)) writeFileSync(join(folder, `${n}.lock`), String(NOBODY))
  expect(await race(150)).toEqual(upTo(150))
})
