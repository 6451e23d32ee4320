import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawLimiters } from '../../scripts/draw-limiters'

const ONE_LANE = 8 + 6 + 10 + 3

it('docs/limiters.svg is what the limiters draw today', () => {
  const stored = readFileSync(join(__dirname, '../../docs/limiters.svg'), 'utf8')
  expect(stored).toBe(drawLimiters())
})

it('shows every hit in every lane, and the ten that fixed-window lets through in 10 s', () => {
  const picture = drawLimiters()
  const legend = 2
  expect(picture.match(/<circle /g)).toHaveLength(5 * ONE_LANE + legend)
  const most = [...picture.matchAll(/class="most[^"]*">(\d+)</g)].map(([, count]) => Number(count))
  expect(most).toEqual([5, 6, 10, 7, 7])
})
