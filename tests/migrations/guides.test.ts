import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const docs = join(__dirname, '../../docs')
const bots = join(__dirname, 'bots')

/** The code blocks of a page, without their fences. */
function blocksOf(page: string): string[] {
  return [...page.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, code]) => code)
}

test.each(readdirSync(bots))('the guide shows the very bot that is driven here: %s', (file) => {
  const guide = `moving-from-${file.split('.')[0]}.md`
  expect(blocksOf(readFileSync(join(docs, guide), 'utf8'))).toContain(readFileSync(join(bots, file), 'utf8'))
})

test('every guide has a bot before the move and one after it', () => {
  const guides = readdirSync(docs).filter((name) => name.startsWith('moving-from-'))
  const wanted = guides.flatMap((name) => {
    const from = name.slice('moving-from-'.length, -'.md'.length)
    return [`${from}.after`, `${from}.before`]
  })
  const driven = readdirSync(bots).filter((file) => !file.endsWith('.d.ts'))
  expect(driven.map((file) => file.replace(/\.\w+$/, ''))).toEqual(wanted.sort())
})
