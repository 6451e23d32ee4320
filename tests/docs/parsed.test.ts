/** Configuration, commands and SQL of the documents are what their readers would take. */
import { schemaSql } from 'telegraf-sentinel/postgres'
import { PGlite } from '@electric-sql/pglite'
import { startRedis } from '../support/servers/redis'
import { blocksOf, documents, type Block } from './blocks'
import { problemsOf } from './parsed'

const blocks = documents()
  .flatMap(blocksOf)
  .filter(({ left }) => left === undefined)
const inLanguage = (...languages: string[]): Block[] =>
  blocks.filter(({ language }) => languages.includes(language))
const named = (found: Block[]): [string, Block][] => found.map((block) => [block.place, block])

test.each(named(inLanguage('json', 'jsonc', 'yaml', 'yml', 'ini', 'sh')))(
  '%s is well formed',
  (_place, block) => {
    expect(problemsOf(block)).toEqual([])
  },
)

const isAcl = ({ code }: Block): boolean => code.startsWith('ACL SETUSER ')

test.each(named(inLanguage('text').filter(isAcl)))('%s is taken by Redis', async (_place, { code }) => {
  const redis = await startRedis()
  try {
    for (const line of code.split('\n').filter((text) => text !== '')) {
      expect(await redis.admin(...line.split(' '))).toBe('OK')
    }
  } finally {
    await redis.stop()
  }
})

test.each(named(inLanguage('sql')))('%s is taken by PostgreSQL', async (_place, { code }) => {
  const database = new PGlite()
  try {
    await database.exec(schemaSql())
    await database.exec('CREATE ROLE bot')
    await database.exec(code)
  } finally {
    await database.close()
  }
})

describe('what is wrong is seen', () => {
  const block = (language: string, code: string): Block => ({
    ...{ file: 'x.md', place: 'x.md:1', line: 1, left: undefined },
    ...{ language, code },
  })

  test.each([
    ['json', '{ "a": 1, }'],
    ['json', '{ "compilerOptions": { "target": "ES1999" } }'],
    ['yaml', 'a: [1'],
    ['ini', '[Service]\nExecStrat=/usr/bin/node'],
    ['ini', '[Sevice]\nExecStart=/usr/bin/node'],
    ['sh', 'if true; then'],
    ['sh', 'npm run nothing'],
    ['sh', 'npm install --save-dev left-pad'],
  ])('%s: %s', (language, code) => {
    expect(problemsOf(block(language, code))).not.toEqual([])
  })
})
