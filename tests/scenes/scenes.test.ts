/** Controllers inside scenes and wizards, over a real bot; the sentinel on the bot, on the stage, in the scene. */
import { MemorySessionStore, Scenes, session, type SessionStore } from 'telegraf'
import { message } from 'telegraf/filters'
import {
  Command,
  Controller,
  Debounce,
  Exempt,
  Hears,
  On,
  RateLimit,
  type Sentinel,
  type SentinelOptions,
} from 'telegraf-sentinel'
import { guarded, remaining, stopAll, type GuardedBot, type Next } from '../support/guarded'

interface OrderSession extends Scenes.WizardSession {
  name?: string
  tier?: 'gold'
}

interface Ctx extends Scenes.WizardContext {
  session: OrderSession
}

afterEach(stopAll)

@Controller()
class Menu {
  @Command('order')
  @RateLimit({ limit: 3, window: '1m' })
  async order(ctx: Ctx): Promise<void> {
    await ctx.scene.enter('order')
  }

  @Command('shop')
  async shop(ctx: Ctx): Promise<void> {
    await ctx.scene.enter('shop')
  }

  @Command('cancel')
  async cancel(ctx: Ctx): Promise<void> {
    await ctx.scene.leave()
    await ctx.reply('Cancelled.')
  }
}

@Controller()
class Name {
  @On(message('text'))
  @RateLimit({ limit: 2, window: '1m' })
  async name(ctx: Ctx): Promise<void> {
    ctx.session.name = ctx.text
    ctx.wizard.next()
    await ctx.reply('Where to?')
  }
}

@Controller()
class Address {
  @Hears('back')
  async back(ctx: Ctx): Promise<void> {
    ctx.wizard.back()
    await ctx.reply('Your name?')
  }

  @On(message('text'))
  @Debounce('10s')
  async address(ctx: Ctx): Promise<void> {
    await ctx.reply(`${ctx.session.name}, ${ctx.text}`)
    await ctx.scene.leave()
  }
}

@Controller()
@RateLimit({ limit: 4, window: '1m' })
class Cart {
  @Hears('add')
  @RateLimit({ limit: 2, window: '1m' })
  async add(ctx: Ctx): Promise<void> {
    await ctx.reply('Added.')
  }

  @Hears('look')
  @Exempt()
  async look(ctx: Ctx, next: Next): Promise<void> {
    await ctx.reply('Empty.')
    await next()
  }

  @Command('done')
  async done(ctx: Ctx): Promise<void> {
    await ctx.scene.leave()
  }
}

type StoreOf = (sentinel: Sentinel<Ctx>) => SessionStore<OrderSession>

const STORES: readonly (readonly [string, StoreOf])[] = [
  ['the sentinel’s sessions', (sentinel) => sentinel.sessionStore()],
  ['Telegraf’s sessions', () => new MemorySessionStore<OrderSession>()],
]

interface Bot extends GuardedBot<Ctx> {
  /** Sends a text; what the bot says to it at once. */
  say(text: string, from?: number): Promise<string[]>
}

function wizard(sentinel: Sentinel<Ctx>): Scenes.WizardScene<Ctx> {
  const ask = async (ctx: Ctx): Promise<void> => {
    ctx.wizard.next()
    await ctx.reply('Your name?')
  }
  return new Scenes.WizardScene<Ctx>('order', ask, sentinel.scan(Name), sentinel.scan(Address))
}

function shop(sentinel: Sentinel<Ctx>): Scenes.BaseScene<Ctx> {
  const scene = new Scenes.BaseScene<Ctx>('shop')
  scene.enter((ctx) => ctx.reply('Welcome.'))
  scene.leave((ctx) => ctx.reply('Bye.'))
  scene.use(sentinel.scan(Cart))
  scene.hears('gift', sentinel.guard({ name: 'gift', rateLimit: { limit: 1, window: '1m' } }), (ctx) =>
    ctx.reply('A gift.'),
  )
  return scene
}

/** Session, then the stage with the sentinel on it, as the documents have it. */
async function bot(options: SentinelOptions<Ctx> = {}, storeOf: StoreOf = STORES[0][1]): Promise<Bot> {
  const started = await guarded<Ctx>(
    { controllers: [Menu], ...options },
    {
      before: (telegraf, sentinel) => {
        const scenes = [wizard(sentinel), shop(sentinel)]
        const stage = new Scenes.Stage<Ctx>(scenes)
        telegraf.use(session({ store: storeOf(sentinel) }))
        stage.use(sentinel)
        telegraf.use(stage.middleware())
      },
    },
  )
  let said = 0
  return {
    ...started,
    say: async (text, from = 42) => {
      await started.send(started.updates.text(text, { from }))
      expect(started.caught).toEqual([])
      const all = started.telegram.texts()
      return all.slice(said, (said = all.length))
    },
  }
}

describe.each(STORES)('with %s', (_name, storeOf) => {
  test('a wizard of controllers, step by step', async () => {
    const { say } = await bot({}, storeOf)
    expect(await say('hello')).toEqual([])
    expect(await say('/order')).toEqual(['Your name?'])
    expect(await say('Ann')).toEqual(['Where to?'])
    expect(await say('back')).toEqual(['Your name?'])
    expect(await say('Anna')).toEqual(['Where to?'])
    expect(await say('Rome')).toEqual(['Anna, Rome'])
    expect(await say('Paris')).toEqual([])
  })

  test('a refused update does not advance it, and loses nothing', async () => {
    const { say, clock, telegram } = await bot({}, storeOf)
    await say('/order')
    await say('Ann')
    await say('back')
    await say('Bea')
    await say('back')
    expect(await say('Cleo')).toEqual([expect.stringContaining('Too fast')])
    expect(await say('Cleo')).toEqual([])
    clock.advance('1m')
    expect(await say('Dora')).toEqual(['Where to?'])
    expect(await say('Oslo')).toEqual(['Dora, Oslo'])
    expect(telegram.texts()).not.toContain('Cleo, Oslo')
  })

  test('bot-wide limits hold within scenes; what enters one is charged once', async () => {
    const sentinelled = await bot({ rateLimit: { limit: 4, window: '1m' } }, storeOf)
    const { say, clock } = sentinelled
    expect(await say('/order')).toEqual(['Your name?'])
    expect(await remaining(sentinelled, 'bot', 'Menu.order')).toEqual([3, 2])
    expect(await say('Ann')).toEqual(['Where to?'])
    expect(await remaining(sentinelled, 'bot', 'Name.name')).toEqual([2, 1])
    await say('back')
    await say('Bea')
    expect(await say('Rome')).toEqual([expect.stringContaining('Too fast')])
    expect(await remaining(sentinelled, 'bot')).toEqual([0])
    clock.advance('1m')
    expect(await say('Rome')).toEqual(['Bea, Rome'])
  })

  test('a scene: enter and leave, class and method guards, guard(), users apart', async () => {
    const { say } = await bot({}, storeOf)
    expect(await say('/shop')).toEqual(['Welcome.'])
    expect(await say('/shop', 43)).toEqual(['Welcome.'])
    expect(await say('add')).toEqual(['Added.'])
    expect(await say('add')).toEqual(['Added.'])
    expect(await say('add')).toEqual([expect.stringContaining('Too fast')])
    expect(await say('gift', 43)).toEqual(['A gift.'])
    expect(await say('gift', 43)).toEqual([expect.stringContaining('Too fast')])
    expect(await say('/done')).toEqual(['Bye.'])
    expect(await say('add')).toEqual([])
    expect(await say('add', 43)).toEqual(['Added.'])
  })

  test('commands of the bot go before those of the scene', async () => {
    const { say } = await bot({}, storeOf)
    await say('/order')
    expect(await say('/cancel')).toEqual(['Cancelled.'])
    expect(await say('Ann')).toEqual([])
  })

  test('a hundred updates at once within a scene: the limit admits exactly as many as it says', async () => {
    const { say, updates, send, telegram } = await bot({}, storeOf)
    await say('/shop')
    telegram.clear()
    await Promise.all(Array.from({ length: 100 }, () => send(updates.text('add', { from: 42 }))))
    expect(telegram.texts().filter((text) => text === 'Added.')).toHaveLength(2)
  })
})

test('@Exempt lifts the class’s guards in a scene, and next() brings them back', async () => {
  const { say, passed, clock } = await bot()
  await say('/shop')
  for (let i = 0; i < 4; i++) expect(await say('look')).toEqual(['Empty.'])
  // What follows is the class's to charge: four of them.
  expect(passed).toHaveLength(4)
  expect(await say('look')).toEqual(['Empty.', expect.stringContaining('Too fast')])
  expect(passed).toHaveLength(4)
  clock.advance('1m')
  await say('look')
  expect(passed).toHaveLength(5)
})

test('a wizard that is one protected class, its methods the steps', async () => {
  @RateLimit({ limit: 6, window: '1m' })
  class Survey {
    readonly answers: (string | undefined)[] = []

    async ask(ctx: Ctx): Promise<void> {
      ctx.wizard.next()
      await ctx.reply('How was it?')
    }

    @RateLimit({ limit: 2, window: '1m' })
    async answer(ctx: Ctx): Promise<void> {
      this.answers.push(ctx.text)
      if (ctx.text === 'good') await ctx.scene.leave()
    }
  }
  const survey = new Survey()
  const { send, updates, telegram, clock, caught } = await guarded<Ctx>(
    {},
    {
      before: (telegraf, sentinel) => {
        const { ask, answer } = sentinel.protect(survey)
        const stage = new Scenes.Stage<Ctx>([new Scenes.WizardScene<Ctx>('survey', ask, answer)])
        telegraf.use(session({ store: sentinel.sessionStore() }), stage.middleware())
        telegraf.command('survey', (ctx) => ctx.scene.enter('survey'))
      },
    },
  )
  for (const text of ['/survey', 'bad', 'fair', 'good']) await send(updates.text(text, { from: 42 }))
  clock.advance('1m')
  for (const text of ['good', 'again']) await send(updates.text(text, { from: 42 }))
  expect(survey.answers).toEqual(['bad', 'fair', 'good'])
  expect(telegram.texts()).toEqual(['How was it?', expect.stringContaining('Too fast')])
  expect(caught).toEqual([])
})

test('on the stage, updates without a session are guarded, too', async () => {
  const { sentinel, updates, outcomes, caught } = await bot({ rateLimit: { limit: 2, window: '1m' } })
  const queries = Array.from({ length: 3 }, (_, n) => updates.inlineQuery(`q${n}`, { from: 42 }))
  expect(await outcomes(...queries)).toEqual(['allowed', 'allowed', 'limited'])
  expect(await outcomes(updates.channelPost('news', { chat: -1001 }))).toEqual(['allowed'])
  expect((await sentinel.limits.peek('bot', { userId: 42 })).remaining).toBe(0)
  expect(caught).toEqual([])
})

test('before the session, with the controllers that need it behind', async () => {
  const started = await guarded<Ctx>(
    { rateLimit: { limit: 3, window: '1m' } },
    {
      after: (telegraf, sentinel) => {
        const stage = new Scenes.Stage<Ctx>([wizard(sentinel)])
        stage.use(sentinel.scan(Menu))
        telegraf.use(session({ store: sentinel.sessionStore() }), stage.middleware())
      },
    },
  )
  const { send, updates, telegram, passed } = started
  for (const text of ['/order', 'Ann', 'Rome', 'more']) await send(updates.text(text, { from: 42 }))
  expect(telegram.texts().slice(0, 3)).toEqual(['Your name?', 'Where to?', 'Ann, Rome'])
  expect(passed).toHaveLength(0)
  expect(await remaining(started, 'bot', 'Menu.order', 'Name.name')).toEqual([0, 2, 1])
})

test('entering is refused: no scene', async () => {
  const { say } = await bot()
  for (let i = 0; i < 3; i++) {
    expect(await say('/order')).toEqual(['Your name?'])
    await say('/cancel')
  }
  expect(await say('/order')).toEqual([expect.stringContaining('Too fast')])
  expect(await say('Ann')).toEqual([])
})

test('a blocked user gets nowhere in a scene, and is where they were when the block is over', async () => {
  const { say, sentinel, clock } = await bot()
  await say('/order')
  await sentinel.blocks.add(42, { for: '1h' })
  expect(await say('Ann')).toEqual([])
  clock.advance('1h')
  expect(await say('Ann')).toEqual(['Where to?'])
})

describe('a limit that reads the session', () => {
  const options: SentinelOptions<Ctx> = {
    rateLimit: { limit: (ctx) => (ctx.session.tier === 'gold' ? 3 : 1), window: '1m' },
    controllers: [],
  }

  test('needs the session before the sentinel', async () => {
    const { sentinel, send, updates, passed, types } = await guarded<Ctx>(options, {
      before: (telegraf, own) =>
        telegraf.use(session({ store: own.sessionStore<OrderSession>(), defaultSession: () => ({}) })),
    })
    const sessions = sentinel.sessionStore<OrderSession>()
    await sessions.set('7:7', { tier: 'gold' })
    for (let i = 0; i < 4; i++) for (const from of [7, 8]) await send(updates.text('hi', { from }))
    expect(passed.map((ctx) => ctx.from?.id)).toEqual([7, 8, 7, 7])
    expect(types()).not.toContain('hookError')
  })

  test('else says so, and is left out', async () => {
    const { send, updates, passed, types } = await guarded<Ctx>(options, {
      after: (telegraf, own) => telegraf.use(session({ store: own.sessionStore() })),
    })
    await send(updates.text('hi'))
    expect(types()).toEqual(['hookError', 'allowed'])
    expect(passed).toHaveLength(1)
  })
})

test('the session after the sentinel: who is refused costs no reading', async () => {
  const { send, updates, passed, sentinel } = await guarded<Ctx>(
    { rateLimit: { limit: 1, window: '1m' } },
    {
      after: (telegraf, own) => {
        const store = own.sessionStore<OrderSession>()
        const counted = {
          get: (key: string) => (readings++, store.get(key)),
          set: (key: string, value: OrderSession) => store.set(key, value),
          delete: (key: string) => store.delete(key),
        }
        telegraf.use(session({ store: counted, defaultSession: () => ({ name: 'x' }) }))
        telegraf.use((ctx, next) => {
          ctx.session.tier = 'gold'
          return next()
        })
      },
    },
  )
  let readings = 0
  for (let i = 0; i < 3; i++) await send(updates.text('hi', { from: 5 }))
  expect(passed).toHaveLength(1)
  expect(readings).toBe(1)
  expect(await sentinel.sessionStore().get('5:5')).toEqual({ name: 'x', tier: 'gold' })
})

describe('mounted more than once', () => {
  test('on the bot, on the stage and in the scene: charged once', async () => {
    const seen: string[] = []
    const sentinelled = await guarded<Ctx>(
      { rateLimit: { limit: 10, window: '1m' }, controllers: [Menu] },
      {
        before: (telegraf, sentinel) => {
          const scene = shop(sentinel)
          scene.use(sentinel)
          scene.use((ctx, next) => (seen.push(ctx.text ?? ''), next()))
          const stage = new Scenes.Stage<Ctx>([scene])
          stage.use(sentinel)
          telegraf.use(session({ store: sentinel.sessionStore() }), stage.middleware(), sentinel)
        },
      },
    )
    const { send, updates, passed, telegram } = sentinelled
    for (const text of ['/shop', 'add', 'what']) await send(updates.text(text, { from: 42 }))
    expect(await remaining(sentinelled, 'bot', 'Cart')).toEqual([7, 3])
    expect(telegram.texts()).toEqual(['Welcome.', 'Added.'])
    expect(seen).toEqual(['what'])
    expect(passed).toHaveLength(1)
  })

  test('only within the scene: bot-wide limits are those of the scene', async () => {
    const { send, updates, telegram, passed, sentinel } = await guarded<Ctx>(
      { rateLimit: { limit: 2, window: '1m' } },
      {
        before: (telegraf, own) => {
          const scene = shop(own)
          const stage = new Scenes.Stage<Ctx>([scene])
          telegraf.use(session({ store: own.sessionStore() }), stage.middleware())
          telegraf.command('shop', (ctx) => ctx.scene.enter('shop'))
        },
      },
    )
    for (const text of ['/shop', 'add', 'add', 'nothing']) await send(updates.text(text, { from: 42 }))
    expect(telegram.texts().slice(0, 3)).toEqual(['Welcome.', 'Added.', 'Added.'])
    expect(passed).toHaveLength(0)
    expect((await sentinel.limits.peek('bot', { userId: 42 })).remaining).toBe(0)
  })
})
