import { Injectable, ParseIntPipe, type PipeTransform } from '@nestjs/common'
import { Command, Ctx, Hears, Help, Message, Next, On, Sender, Update } from 'nestjs-telegraf'
import type { Context } from 'telegraf'
import { Controller, Debounce, Exempt, RateLimit, RequireRegistered, sentinelOf } from 'telegraf-sentinel'
import { endAll, nestBot } from './nest'

type Go = () => Promise<void>

afterEach(endAll)

test('a handler runs as often as its limit allows; a refusal is answered once and nothing is thrown', async () => {
  @Update()
  class Shop {
    @Command('buy')
    @RateLimit({ limit: 2, window: '10s' })
    buy(): string {
      return 'Bought.'
    }
  }
  const { say, types, clock, telegram, ann } = await nestBot({ providers: [Shop] })
  await say('/buy', '/buy', '/buy', '/buy')
  await telegram.waitForCall('sendMessage', ({ params }) => String(params.text).startsWith('Too fast.'))
  expect(ann.heard()).toEqual(['Bought.', 'Bought.', 'Too fast. Try again in 10 seconds.'])
  expect(types()).toEqual(['allowed', 'allowed', 'limited', 'limited'])
  clock.advance('10s')
  expect(await say('/buy')).toEqual(['Bought.'])
})

test('class guards stand in front of all methods, bot-wide ones in front of all classes', async () => {
  @Update()
  @RateLimit(3, '1m')
  class Shop {
    @Command('buy')
    @RateLimit(1, '1m')
    buy(): string {
      return 'Bought.'
    }

    @Command('sell')
    sell(): string {
      return 'Sold.'
    }
  }
  @Update()
  class Other {
    @Command('other')
    other(): string {
      return 'Other.'
    }
  }
  const options = { rateLimit: { limit: 5, window: '1m' }, reply: false } as const
  const { say, left } = await nestBot({ providers: [Shop, Other], options })
  expect(await say('/buy', '/buy', '/sell', '/sell', '/sell')).toEqual(['Bought.', 'Sold.', 'Sold.'])
  expect(await left('Shop', 'Shop.buy', 'bot')).toEqual([0, 0, 2])
  expect(await say('/other', '/other', '/other')).toEqual(['Other.', 'Other.'])
})

test('@Controller names the class in the names of its buckets', async () => {
  @Update()
  @Controller('shop')
  @RateLimit(9, '1m')
  class A {
    @Command('buy')
    @RateLimit(1, '1m')
    b(): string {
      return 'Bought.'
    }
  }
  const { say, left } = await nestBot({ providers: [A], options: { reply: false } })
  expect(await say('/buy', '/buy')).toEqual(['Bought.'])
  expect(await left('shop', 'shop.b')).toEqual([8, 0])
})

test('debounce and registration', async () => {
  @Update()
  class Shop {
    @Command('buy')
    @Debounce('2s')
    buy(): string {
      return 'Bought.'
    }

    @Command('account')
    @RequireRegistered({ reply: 'Please /register.' })
    account(@Ctx() ctx: Context): string {
      return `Yours: ${String(sentinelOf(ctx).profile)}`
    }
  }
  const { say, sentinel, ann, types, telegram } = await nestBot({ providers: [Shop] })
  expect(await say('/buy', '/buy')).toEqual(['Bought.'])
  await say('/account')
  await telegram.waitForCall('sendMessage', ({ params }) => params.text === 'Please /register.')
  await sentinel.registrations.add(ann.id, 'gold')
  expect(await say('/account')).toEqual(['Yours: gold'])
  await sentinel.blocks.add(ann.id)
  expect(await say('/account')).toEqual([])
  expect(types().filter((type) => type !== 'allowed')).toEqual([
    'debounced',
    'unregistered',
    'registrationAdded',
    'blockAdded',
    'blocked',
  ])
})

describe('which method it is', () => {
  test('inherited, overridden, minified, wrapped, and one function under two names', async () => {
    const wrap = (_target: object, _key: string, descriptor: TypedPropertyDescriptor<() => string>): void => {
      const { value } = descriptor
      descriptor.value = function a(this: object) {
        return `${value?.call(this)}!`
      }
    }
    class Base {
      @Command('inherited')
      @RateLimit(1, '1m')
      inherited(): string {
        return 'inherited'
      }

      @Command('overridden')
      @RateLimit(1, '1m')
      overridden(): string {
        return 'never'
      }
    }
    @Update()
    class First extends Base {
      another(): string {
        return 'never'
      }

      @Command('overridden')
      override overridden(): string {
        return 'overridden'
      }

      @Command('wrapped')
      @RateLimit(1, '1m')
      @wrap
      wrapped(): string {
        return 'wrapped'
      }

      @Hears('twin')
      @RateLimit(1, '1m')
      twin(): string {
        return 'twin'
      }
    }
    Object.defineProperty(First.prototype.twin, 'name', { value: 'x' })
    First.prototype.another = First.prototype.twin
    const { say, left } = await nestBot({ providers: [First], options: { reply: false } })
    expect(await say('/inherited', '/inherited')).toEqual(['inherited'])
    expect(await say('/overridden', '/overridden')).toEqual(['overridden'])
    expect(await say('/wrapped', '/wrapped')).toEqual(['wrapped!'])
    expect(await say('twin', 'twin')).toEqual(['twin'])
    expect(await left('Base.inherited', 'Base.overridden', 'First.wrapped', 'First.twin')).toEqual([
      0, 0, 0, 0,
    ])
  })

  test('a method that is inherited by two classes stands behind the guards of each', async () => {
    abstract class Base {
      abstract readonly name: string

      @Command(/.*/)
      async hello(@Ctx() ctx: Context, @Next() next: Go): Promise<void> {
        await ctx.reply(this.name)
        await next()
      }
    }
    @Update()
    @RateLimit(1, '1m')
    class First extends Base {
      readonly name = 'first'
    }
    @Update()
    @RateLimit(2, '1m')
    class Second extends Base {
      readonly name = 'second'
    }
    const { say, left } = await nestBot({ providers: [Second, First], options: { reply: false } })
    expect(await say('/a', '/a', '/a')).toEqual(['second', 'first', 'second'])
    expect(await left('First', 'Second')).toEqual([0, 0])
  })

  test('a method that was replaced while Nest started is known by its name, else its call is an error', async () => {
    @Update()
    class Shop {
      @Command('buy')
      @RateLimit(1, '1m')
      buy(): string {
        return 'Bought.'
      }

      @Command('sell')
      @RateLimit(1, '1m')
      sell(): string {
        return 'Sold.'
      }
    }
    Object.defineProperty(Shop.prototype.sell, 'name', { value: '' })
    const { say, left, telegram } = await nestBot({ providers: [Shop], options: { reply: false } })
    Object.assign(Shop.prototype, { buy: () => 'never', sell: () => 'never' })
    expect(await say('/buy', '/buy', '/sell')).toEqual(['Bought.'])
    expect(await left('Shop.buy', 'Shop.sell')).toEqual([0, 1])
    expect(telegram.texts()).toEqual(['Bought.'])
  })
})

test('parameters come in any order, through pipes, and next leads on', async () => {
  @Injectable()
  class Upper implements PipeTransform<string, string> {
    transform(value: string): string {
      return value.toUpperCase()
    }
  }
  @Update()
  class Shop {
    @On('text')
    @RateLimit({ limit: 2, window: '1m' })
    async first(@Message('text', Upper) text: string, @Next() next: Go, @Ctx() ctx: Context): Promise<void> {
      await ctx.reply(text)
      await next()
    }

    @Hears('hi')
    @RateLimit({ limit: 1, window: '1m' })
    second(@Sender('id', new ParseIntPipe()) id: number): string {
      return `${id + 1}`
    }
  }
  const { say, ann } = await nestBot({ providers: [Shop], options: { reply: false } })
  expect(await say('hi', 'hi', 'hi')).toEqual(['HI', `${ann.id + 1}`, 'HI'])
})

test('a method with several listeners is charged once for an update that reaches it twice', async () => {
  let calls = 0
  @Update()
  class Shop {
    @Command('buy')
    @On('text')
    @RateLimit({ limit: 5, window: '1m' })
    async buy(@Next() next: Go): Promise<void> {
      calls++
      await next()
    }
  }
  const { say, left } = await nestBot({ providers: [Shop] })
  await say('/buy', 'buy')
  expect(calls).toBe(3)
  expect(await left('Shop.buy')).toEqual([3])
})

describe('@Exempt', () => {
  @Update()
  @RateLimit(1, '1m')
  class Shop {
    @Help()
    @Exempt()
    help(): string {
      return 'Help.'
    }

    @Hears('on')
    @Exempt()
    on(@Next() next: Go): Promise<void> {
      return next()
    }

    @Hears('with')
    @Exempt()
    @RateLimit(3, '1m')
    with(_ctx: Context, next: Go): Promise<void> {
      return next()
    }
  }
  const options = { rateLimit: { limit: 2, window: '1m', name: 'bot' }, reply: false } as const

  test('lifts the bot-wide limits and those of the class', async () => {
    const { say, left, sentinel, ann } = await nestBot({ providers: [Shop], options })
    expect(await say('/help', '/help', '/help', '/help')).toHaveLength(4)
    expect(await left('bot', 'Shop')).toEqual([2, 1])
    await sentinel.blocks.add(ann.id)
    expect(await say('/help')).toEqual([])
  })

  test.each(['on', 'with'])('what follows its next is judged by them: %s', async (text) => {
    const { say, bot, left } = await nestBot({ providers: [Shop], options })
    const followed: string[] = []
    bot.use((ctx) => void followed.push(ctx.text ?? ''))
    await say(text, text, text)
    expect(followed).toEqual([text])
    expect(await left('bot', 'Shop')).toEqual([1, 0])
  })
})

describe('decorators in any order', () => {
  const marks: Readonly<Record<string, MethodDecorator>> = {
    limit: RateLimit(2, '1m') as MethodDecorator,
    debounce: Debounce({ window: '1s', fingerprint: () => 'x' }) as MethodDecorator,
    command: Command('buy'),
    hears: Hears('buy'),
  }

  test.each(permutations(Object.keys(marks)))('on a method: %s %s %s %s', async (...order) => {
    @Update()
    class Shop {
      @(marks[order[0]])
      @(marks[order[1]])
      @(marks[order[2]])
      @(marks[order[3]])
      buy(): string {
        return 'Bought.'
      }
    }
    const { say, clock, types } = await nestBot({ providers: [Shop], options: { reply: false } })
    expect(await say('/buy', 'buy')).toEqual(['Bought.'])
    clock.advance('1s')
    expect(await say('buy')).toEqual(['Bought.'])
    clock.advance('1s')
    expect(await say('/buy')).toEqual([])
    expect(types()).toEqual(['allowed', 'debounced', 'allowed', 'limited'])
  })

  const onClass: Readonly<Record<string, ClassDecorator>> = {
    update: Update(),
    limit: RateLimit(1, '1m') as ClassDecorator,
    injectable: Injectable(),
  }
  test.each(permutations(Object.keys(onClass)))('on a class: %s %s %s', async (...order) => {
    @(onClass[order[0]])
    @(onClass[order[1]])
    @(onClass[order[2]])
    class Shop {
      @Command('buy')
      buy(): string {
        return 'Bought.'
      }
    }
    const { say } = await nestBot({ providers: [Shop], options: { reply: false } })
    expect(await say('/buy', '/buy')).toEqual(['Bought.'])
  })
})

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]))
}
