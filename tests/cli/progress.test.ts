import { PassThrough } from 'node:stream'
import { displayOn } from '../../lib/cli/progress'
import type { MigrateProgress } from '../../lib/stores/migrate'

/** What a terminal of 100 columns, or a file, is sent. */
function screen(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 100 }) as unknown as NodeJS.WriteStream
  const display = displayOn(stream)
  const show = (namespace: MigrateProgress['namespace'], copied: number, total?: number) =>
    display.show({ namespace, copied, token: '', ...(total !== undefined && { total }) })
  const text = (): string => String((stream as unknown as PassThrough).read() ?? '')
  return { show, end: () => display.end(), text }
}

test('a terminal gets a bar for each namespace, which ends full', () => {
  const { show, end, text } = screen(true)
  show('blocks', 0, 0)
  show('registrations', 1_000, 4_000)
  show('registrations', 4_100, 4_000)
  end()
  const shown = text()
  expect(shown).toMatch(/blocks {8}.*100% 0\/0/)
  expect(shown).toMatch(/registrations .*100% 4100\/4100/)
  // Nothing is left running: whatever comes now goes nowhere.
  end()
  expect(text()).toBe('')
})

test('a file gets lines, one a second at most, and the last of each namespace', () => {
  const { show, end, text } = screen(false)
  show('blocks', 3)
  for (let copied = 1_000; copied <= 9_000; copied += 1_000) show('registrations', copied, 1_234_567)
  show('members', 1, 1)
  end()
  end()
  expect(text().split('\n')).toEqual([
    'blocks: 3',
    'registrations: 9,000 of 1,234,567',
    'members: 1 of 1',
    '',
  ])
})
