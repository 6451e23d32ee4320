import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ManualClock, type FakeTelegram } from 'telegraf-sentinel/testing'
import { createBot as after } from './bots/telegraf-ratelimit.after'
import { createBot as before } from './bots/telegraf-ratelimit.before'
import { album, anonymousAdmins, channel, Ending, pays, says, taps, town } from './town'

jest.setTimeout(30_000)

const ending = new Ending()
/** What the old bot's handlers threw; without `bot.catch` the first of them would end the bot. */
const errors: string[] = []
let clock: ManualClock
let old: FakeTelegram
let moved: FakeTelegram

const at = ({ apiRoot }: FakeTelegram): { telegram: { apiRoot: string } } => ({ telegram: { apiRoot } })

/** Time passes in both towns: the old bot counts by an interval, the new one by its clock. */
function pass(ms: number): void {
  jest.advanceTimersByTime(ms)
  clock.advance(ms)
}

beforeEach(async () => {
  // The old bot's intervals, and nothing else: they would also keep this process alive.
  jest.useFakeTimers({
    doNotFake: [
      'Date',
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setTimeout',
      'clearTimeout',
    ],
  })
  ending.add(() => jest.useRealTimers())
  clock = new ManualClock()
  old = await town(ending, (telegram) => {
    const bot = before(telegram.token, at(telegram))
    errors.length = 0
    bot.catch((error) => void errors.push((error as Error).message))
    void bot.launch()
    return bot
  })
  moved = await town(ending, (telegram) => {
    const bot = after(telegram.token, at(telegram), clock)
    void bot.launch()
    return bot
  })
})
afterEach(() => ending.run())

describe('is the same', () => {
  test.each([
    [
      'three of four messages are answered',
      says('a', 'b', 'c', 'd'),
      ['I see.', 'I see.', 'I see.', 'Slow down, please.'],
    ],
    ['one joke a minute', says('/joke', '/joke', '/joke'), ['Knock, knock.']],
  ])('%s', async (_title, scene, heard) => {
    expect(await scene(old)).toEqual(heard)
    expect(await scene(moved)).toEqual(heard)
  })

  test('after the window everybody may write again', async () => {
    for (const telegram of [old, moved]) await says('a', 'b', 'c', 'd')(telegram)
    pass(10_000)
    const users = [old, moved].map((telegram) => telegram.user({ id: 1001 }))
    for (const user of users) user.say('hello again')
    await Promise.all([old.idle(), moved.idle()])
    for (const user of users) expect(user.heard().at(-1)).toBe('I see.')
  })

  test('a joke in one chat is none in another', async () => {
    const scene = async (telegram: FakeTelegram): Promise<number[]> => {
      const [ann, ben] = [telegram.user(), telegram.user()]
      for (const user of [ann.in(-1001), ben.in(-1001), ben.in(-1002)]) {
        user.command('joke')
        await telegram.idle()
      }
      return [-1001, -1002].map((chat) => telegram.texts(chat).length)
    }
    expect(await scene(old)).toEqual([1, 1])
    expect(await scene(moved)).toEqual([1, 1])
  })
})

describe('is different', () => {
  test('one notice and then silence, where each refused message had an answer', async () => {
    const flood = says(...'abcdefghij')
    const notices = (heard: string[]): number => heard.filter((text) => text === 'Slow down, please.').length
    expect(notices(await flood(old))).toBe(7)
    expect(notices(await flood(moved))).toBe(1)
  })

  test('a window is the last ten seconds of each user, where all counters were cleared at once', async () => {
    const scene = async (telegram: FakeTelegram, pass: () => void): Promise<number> => {
      const user = telegram.user()
      for (let n = 0; n < 6; n++) {
        if (n === 3) pass()
        user.say(`hello ${n}`)
        await telegram.idle()
      }
      return user.heard().filter((text) => text === 'I see.').length
    }
    pass(9_999)
    expect(await scene(old, () => jest.advanceTimersByTime(1))).toBe(6)
    expect(await scene(moved, () => clock.advance(1))).toBe(3)
  })

  test.each([
    ['a refused tap is answered, so that its spinner stops', taps(5), 3, 5],
    ['an album is one message', album, 3, 5],
    ['anonymous admins count by group, not all as one', anonymousAdmins, [2, 1], [2, 2]],
    ['a channel counts as its own actor, where it had no limit', channel, 5, 3],
  ])('%s', async (_title, scene, then, now) => {
    expect(await scene(old)).toEqual(then)
    expect(await scene(moved)).toEqual(now)
  })

  test('a payment passes, where it was refused and the notice for it was an error', async () => {
    expect(await pays(old)).toBe(false)
    expect(errors).toEqual(['Telegraf: "sendMessage" isn\'t available for "pre_checkout_query"'])
    expect(await pays(moved)).toBe(true)
  })

  test('nothing keeps the process, where an interval did', async () => {
    expect(await keptBy('telegraf-ratelimit.before')).toEqual(['Timeout', 'Timeout'])
    expect(await keptBy('telegraf-ratelimit.after')).toEqual([])
  })
})

/** What would keep a process alive in which a bot was made and not launched. */
async function keptBy(name: string): Promise<string[]> {
  const bot = JSON.stringify(join(__dirname, 'bots', name))
  const script = `require(${bot}).createBot('1:token')
    process.stdout.write(JSON.stringify(process.getActiveResourcesInfo()), () => process.exit())`
  const loader = ['-r', 'ts-node/register/transpile-only', '-r', join(__dirname, '../support/self.js')]
  const { stdout } = await promisify(execFile)(process.execPath, [...loader, '-e', script], {
    cwd: join(__dirname, '../..'),
  })
  return (JSON.parse(stdout) as string[]).filter((resource) => resource === 'Timeout')
}
