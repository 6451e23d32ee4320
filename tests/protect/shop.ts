/** A shop that somebody else routes; compiled under both flavours of decorators by the tests. */
import { Debounce, Exempt, RateLimit, RequireRegistered } from 'telegraf-sentinel'
import type { Context } from 'telegraf'

type Next = () => Promise<void>

const gift = Symbol('gift')

/** Binds a method to the instance that it is read of, as libraries of decorators do. */
function bound(...args: unknown[]): unknown {
  const bind = (key: string | symbol, method: () => unknown): PropertyDescriptor => ({
    configurable: true,
    get(this: object) {
      const value = method.bind(this)
      Object.defineProperty(this, key, { value, configurable: true, writable: true })
      return value
    },
  })
  const [target, second, descriptor] = args as [object, string, PropertyDescriptor | undefined]
  if (descriptor !== undefined) return bind(second, descriptor.value as () => unknown)
  const context = second as unknown as ClassMethodDecoratorContext
  context.addInitializer(function (this: unknown) {
    const self = this as Record<PropertyKey, unknown>
    self[context.name] = (target as unknown as () => unknown).bind(self)
  })
  return undefined
}

@RateLimit({ limit: 6, window: '1m' })
class Shop {
  static opened = 0
  static open(): number {
    return ++Shop.opened
  }

  readonly sold: string[] = []
  readonly Model = class Model {}
  #till = 0
  price: number

  constructor(price = 5) {
    this.price = price
    this.bind = this.bind.bind(this)
  }

  /** Two of its own. */
  @RateLimit({ limit: 2, window: '1m' })
  async buy(ctx: Context, what = 'book'): Promise<string> {
    await Promise.resolve()
    this.#till += this.cost(ctx)
    this.sold.push(what)
    return `${what} for ${this.total}`
  }

  cost(_ctx: Context): number {
    return this.price
  }

  get total(): number {
    return this.#till
  }

  set total(till: number) {
    this.#till = till
  }

  look(ctx: Context): string {
    return `looks at ${ctx.from?.id}`
  }

  sum(numbers: readonly number[]): number {
    return numbers.reduce((sum, n) => sum + n, 0)
  }

  fails(_ctx: Context): never {
    throw new RangeError('sold out')
  }

  @RateLimit({ limit: 1, window: '1m' })
  bind(_ctx: Context): unknown {
    return this.price
  }

  @(bound as MethodDecorator)
  autobound(_ctx: Context): unknown {
    return this.price
  }

  arrow = async (ctx: Context): Promise<string> => `arrow of ${this.price} for ${ctx.from?.id}`

  @Exempt()
  async help(_ctx: Context, next?: Next): Promise<string> {
    await next?.()
    return 'help'
  }

  @Exempt()
  @RateLimit({ limit: 1, window: '1m' })
  async rules(): Promise<string> {
    return 'rules'
  }

  @Debounce('10s')
  @RequireRegistered()
  async [gift](_ctx: Context): Promise<string> {
    return 'gift'
  }

  async late(first: string, ctx: Context): Promise<string> {
    return `${first} ${ctx.from?.id}`
  }
}

class Corner extends Shop {
  override async buy(ctx: Context, what?: string): Promise<string> {
    return `corner: ${await super.buy(ctx, what)}`
  }

  @RateLimit({ limit: 1, window: '1m' })
  override look(ctx: Context): string {
    return `corner: ${super.look(ctx)}`
  }
}

export { Corner, gift, Shop }
