/** The scenarios of one kind of server, as tests that write or check their part of the document. */
import { runInThisContext } from 'node:vm'
import { Section, updating } from './document'
import { LIMIT } from './people'
import { play, type Figures, type Scenario } from './scenario'

/** ms: the default of `storeTimeout`, and what the bot may take beyond it. */
const STORE_TIMEOUT = 500
const MARGIN = 50
/** ms: a generous bound on the time to recover, without the time that the machine did not give. */
const RECOVERY = 10_000

/** What a scenario must come to beyond what all of them must. */
export type Expectation = (figures: Figures) => void

export interface Expected extends Scenario {
  readonly expected: Expectation
}

/** The process itself: what a test runner gives its tests is a copy, which hears of no warning. */
const real = runInThisContext('process') as NodeJS.Process

export function suite(section: string, scenarios: readonly Expected[]): void {
  const document = new Section(section)
  const troubles: unknown[] = []
  const note = (trouble: unknown): void => void troubles.push(trouble)

  beforeAll(() => {
    real.on('unhandledRejection', note)
    real.on('warning', note)
  })
  afterAll(() => {
    real.off('unhandledRejection', note)
    real.off('warning', note)
    if (updating) document.write()
  })

  test.each(scenarios.map((scenario) => [scenario.fault, scenario.store, scenario] as const))(
    '%s: %s',
    async (_fault, _store, scenario) => {
      const figures = await play(scenario)
      document.add(scenario, figures)
      try {
        expectWell(figures)
        scenario.expected(figures)
        expect(troubles.splice(0)).toEqual([])
      } catch (error) {
        // One figure alone seldom says what has happened.
        console.error(`${scenario.fault}: ${scenario.store}`, figures)
        throw error
      }
    },
    120_000,
  )

  if (updating) return
  test('each scenario has its row in docs/reliability.md, and no other has', () => {
    expect(document.documented()).toEqual(scenarios.map(({ fault, store }) => `${fault}, ${store}`))
  })
}

function expectWell({ sent, handled, caught, stall, recovery, writes }: Figures): void {
  expect(caught).toEqual([])
  expect(handled).toBe(sent)
  expect(stall.own).toBeLessThanOrEqual(STORE_TIMEOUT + MARGIN)
  if (recovery !== undefined) expect(recovery.took - recovery.paused).toBeLessThan(RECOVERY)
  expect(writes.lost).toEqual([])
}

/** With a store to fall back on, the guard goes on. */
export function expectGuarded({ wronglyRefused, beyond, intruders, switches }: Figures): void {
  // Else there was no fault.
  expect(switches).toBeGreaterThanOrEqual(2)
  expect(intruders).toBe(0)
  expect(wronglyRefused).toBe(0)
  expect(beyond.most).toBeLessThanOrEqual(LIMIT * switches)
}

/** With nothing to fall back on, updates pass unguarded while the store is away. */
export function expectOpen({ wronglyRefused, intruders }: Figures): void {
  expect(intruders).toBeGreaterThan(0)
  expect(wronglyRefused).toBe(0)
}

/** With nothing to fall back on, everybody is refused while the store is away. */
export function expectShut({ wronglyRefused, beyond, intruders }: Figures): void {
  expect(intruders).toBe(0)
  expect(beyond.all).toBe(0)
  expect(wronglyRefused).toBeGreaterThan(0)
}
