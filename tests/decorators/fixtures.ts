/** Controllers that the tests scan, in both flavours of decorators. */
import type { Context } from 'telegraf'
import { message } from 'telegraf/filters'
import {
  Action,
  Command,
  Controller,
  Debounce,
  Exempt,
  GameQuery,
  Hears,
  Help,
  InlineQuery,
  On,
  RateLimit,
  Reaction,
  RequireRegistered,
  Settings,
  Start,
  Use,
} from '../../lib/decorators'

type Next = () => Promise<void>
type Call = (this: unknown, ...args: unknown[]) => unknown

/** A decorator of somebody else's that puts another function in the method's place, in both flavours. */
export function Wrapped(...args: unknown[]): never {
  const wrap = (inner: Call): Call =>
    function (this: unknown, ...given) {
      return ['wrapped', inner.apply(this, given)]
    }
  const [target, , descriptor] = args as [Call, unknown, PropertyDescriptor | undefined]
  const result =
    descriptor === undefined ? wrap(target) : { ...descriptor, value: wrap(descriptor.value as Call) }
  return result as never
}

export const filter = message('sticker')
export const tag = Symbol('tag')

@Controller()
export class AllListeners {
  private readonly name = 'all'

  @Use()
  use(_ctx: Context, next: Next) {
    return next()
  }

  @Start()
  start() {}

  @Help()
  help() {}

  @Settings()
  settings() {}

  @Command('buy')
  @Command(['sell', /^s/])
  @Hears(/buy/)
  @Action('buy')
  several(ctx: Context, next: Next) {
    return [this.name, ctx, next]
  }

  undecorated() {}

  @InlineQuery('q')
  query() {}

  @On(filter)
  @On(['message', 'sticker'])
  on() {}

  @GameQuery()
  game() {}

  @Reaction('👍', '-👎')
  @Reaction(['🔥'])
  liked() {}

  @Hears('symbol')
  [tag]() {}
}

@Controller()
@RateLimit(30, '1m')
@RateLimit(300, '1h')
@Debounce(1)
export class Guarded {
  @RateLimit(1, '1s')
  @Command('a')
  @RateLimit({ limit: 2, window: '2s', name: 'two' })
  @Debounce('2s')
  @RateLimit(3, '3s')
  @RequireRegistered({ reply: 'no' })
  a() {}

  @Help()
  @Exempt()
  @RequireRegistered()
  help() {}
}

@Controller()
export class WithWrapper {
  readonly own = 'own'

  @RateLimit(1, 1)
  @Wrapped
  @Command('outer')
  outer() {
    return this.own
  }

  @Wrapped
  @Command('inner')
  @RateLimit(2, 2)
  inner() {
    return this.own
  }
}

@RateLimit(10, '1m')
export class Base {
  @Command('first')
  @RateLimit(1, '1s')
  first(): string {
    return 'Base.first'
  }

  @Command('second')
  @Command('zweitens')
  @RateLimit(2, '1s')
  @Debounce('1s')
  second(): string {
    return 'Base.second'
  }

  @Command('third')
  @Exempt()
  third(): string {
    return 'Base.third'
  }

  @RateLimit(4, '1s')
  fourth(): string {
    return 'Base.fourth'
  }
}

@Controller()
@RateLimit(5, '1m')
export class Child extends Base {
  @Command('own')
  own(): string {
    return 'Child.own'
  }

  override first(): string {
    return 'Child.first'
  }

  @Hears('second')
  override second(): string {
    return 'Child.second'
  }

  @RateLimit(7, '7s')
  override third(): string {
    return 'Child.third'
  }

  @Action('fourth')
  override fourth(): string {
    return 'Child.fourth'
  }
}

@Controller('sibling')
export class Sibling extends Base {
  @Action('fourth')
  @Debounce('4s')
  override fourth(): string {
    return 'Sibling.fourth'
  }
}

/** No decorator of its own: its parent makes it a controller. */
export class Grandchild extends Child {
  override own(): string {
    return 'Grandchild.own'
  }
}

@Controller('renamed')
@Debounce('1s')
export class Renamed {
  @Command('x')
  @RateLimit(1, 1)
  x() {}
}

@Controller()
export class Stocked {
  constructor(readonly stock: number) {}

  @Command('stock')
  left(): number {
    return this.stock
  }
}

export class NotAController {
  @Command('x')
  x() {}
}

@Controller()
export class Routeless {
  x() {}
}

@Controller()
export class HalfGuarded {
  @Command('a')
  a() {}

  @RateLimit(1, 1)
  b() {}

  @Exempt()
  c() {}
}

@Controller()
export class Throwing {
  constructor() {
    throw new Error('no database')
  }

  @Command('a')
  a() {}
}

@Controller()
export class Shadowed {
  a: unknown

  constructor() {
    Object.defineProperty(this, 'b', { value: 5 })
  }

  @Command('b')
  b() {}
}
