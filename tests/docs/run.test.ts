/** Blocks run, as far as they can: bots answer, tests pass, and what is printed is what the document says. */
import { startRedis, type RedisServer } from '../support/servers/redis'
import { blocksOf, documents, type Block } from './blocks'
import { TYPESCRIPT } from './languages'
import { filesBefore, nameOf } from './program'
import { quietRunner } from './quiet-runner'
import { Stage } from './stage'

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})

afterAll(() => redis.stop())

/** deploying.test.ts runs it in processes of its own. */
const runElsewhere = (block: Block): boolean =>
  block.file === 'docs/deploying.md' && nameOf(block) === 'src/worker.ts'

const DECLARES_TESTS = /^(test|it|describe|storeContract)\(/m

describe.each(documents())('%s', (file) => {
  const blocks = blocksOf(file).filter(({ language }) => TYPESCRIPT.includes(language))
  const own = blocks.map((block) => [nameOf(block) ?? block.place, block] as const)
  const siblings = new Map([...filesBefore(file), ...own])
  const run = blocks.filter((block) => block.left === undefined && !runElsewhere(block))
  for (const block of run) test(`${block.place} runs`, () => runs(block, siblings), 60_000)
  if (run.length === 0) test('has nothing to run', () => undefined)
})

async function runs(block: Block, siblings: ReadonlyMap<string, Block>): Promise<void> {
  const runner = DECLARES_TESTS.test(block.code) ? quietRunner() : undefined
  await redis.admin('FLUSHALL')
  const stage = await Stage.open({ redis: redis.url, siblings, runner: runner?.functions })
  const ended: unknown[] = []
  try {
    const { printed, errors } = await withGlobals(runner?.functions, () => stage.perform(block))
    if (runner !== undefined) expect(await runner.passed()).toBeGreaterThan(0)
    expect(errors).toEqual([])
    expect(printed).toEqual(expect.arrayContaining(promisedBy(block)))
  } finally {
    ended.push(...(await stage.close()))
  }
  expect(ended).toEqual([])
}

/** Runs with these as globals, where `storeContract` looks for them. */
async function withGlobals<T>(functions: object | undefined, run: () => Promise<T>): Promise<T> {
  const own = { test, it, describe, expect, beforeEach, afterEach, beforeAll, afterAll }
  Object.assign(globalThis, functions)
  try {
    return await run()
  } finally {
    Object.assign(globalThis, own)
  }
}

/** `console.log(ann.heard()) // [ 'pong' ]`: what the document says that is printed. */
function promisedBy({ code }: Block): string[] {
  return [...code.matchAll(/console\.log\(.*\) \/\/ (\[.*\]|\{.*\}|'.*'|\d+|true|false|undefined)$/gm)].map(
    ([, said]) => said.replace(/^'(.*)'$/, '$1'),
  )
}
