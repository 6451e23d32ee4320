/** From a random bot's data to middleware: each handler writes down what it sees and does. */
import { Composer, Context, type MiddlewareFn } from 'telegraf'
import type { Handler, Node, Step } from './random-bots'
import { twinOf, visitOf, type Next } from './twins'

/** What bots write: who does what, for one update. */
export type Log = (id: number | string, what: unknown) => void

type Middleware = MiddlewareFn<Context>

/** A handler at work. */
interface At {
  readonly id: number
  readonly listener: string
  readonly ctx: Context
  readonly next: (ctx?: Context) => Promise<void>
}

export interface BuilderParts {
  readonly log: Log
  /** Makes what stands in front of a branch that is `guarded`. */
  readonly guard: () => Middleware
  /** What has begun and not yet ended. */
  readonly running: { count: number }
  /** What a handler finds on its context. */
  readonly sees: (ctx: Context, listener: string) => unknown
}

/** Everything that a handler can find. */
export function everything(ctx: Context): unknown {
  const { updateType, state } = ctx
  return { ...visitOf('any', ctx), updateType, state: { ...state }, keys: Object.keys(ctx).sort() }
}

/** Makes the middleware of a bot. */
export class Builder {
  /** Handlers are known by their number, in the order of the tree. */
  #handlers = 0

  constructor(private readonly parts: BuilderParts) {}

  middleware(node: Node): Middleware {
    if (node.kind === 'handler') return this.handler(node)
    const inner = Composer.compose(node.children.map((child) => this.middleware(child)))
    switch (node.kind) {
      case 'listener': {
        const composer = new Composer<Context>()
        twinOf(node.listener).theirs(composer, inner)
        return composer.middleware()
      }
      case 'compose':
        return new Composer<Context>(inner).middleware()
      case 'fork':
        return Composer.fork(inner)
      case 'tap':
        return Composer.tap(inner)
      case 'optional':
        return Composer.optional((ctx) => ctx.update.update_id % 2 === 0, inner)
      case 'lazy':
        return Composer.lazy(async () => inner)
      case 'catch':
        return Composer.catch(
          (error, ctx) => this.parts.log('catch', [String(error), ctx.update]),
          this.handler(PASSING),
          inner,
        )
      case 'guarded':
        return Composer.compose([this.parts.guard(), inner])
    }
  }

  handler({ steps, synchronous }: Handler, listener = 'any'): Middleware {
    const id = ++this.#handlers
    const run = async (ctx: Context, next: Next): Promise<void> => {
      this.parts.running.count++
      try {
        for (const one of steps) await this.#take(one, { id, listener, ctx, next })
      } finally {
        if (!steps.includes('hang')) this.parts.running.count--
      }
    }
    if (!synchronous || steps.some((one) => one !== 'look' && one !== 'throw')) return run
    return (ctx) => {
      for (const one of steps) {
        if (one === 'throw') throw new Error(`${id} at once`)
        this.#look({ id, listener, ctx })
      }
    }
  }

  async #take(one: Step, at: At): Promise<void> {
    const { id, ctx, next } = at
    const { log } = this.parts
    const tell = (called: Promise<unknown>, how: string): Promise<void> =>
      called.then(
        (value) => log(id, [how, value]),
        (error: unknown) => {
          log(id, [how, String(error)])
          throw error
        },
      )
    switch (one) {
      case 'look':
        return this.#look(at)
      case 'next':
        return tell(next(), 'next')
      case 'next loosely':
        this.parts.running.count++
        void next()
          .then(
            (value) => log(`${id} later`, value),
            (error: unknown) => log(`${id} later`, String(error)),
          )
          .finally(() => this.parts.running.count--)
        return log(id, 'goes on')
      case 'next, new context':
        return tell(next(new Context(ctx.update, ctx.telegram, ctx.botInfo)), 'next, new context')
      case 'set state':
        Object.assign(ctx.state, { [id]: ctx.updateType })
        return
      case 'throw':
        throw new Error(String(id))
      case 'tick':
        return new Promise((resolve) => setImmediate(resolve))
      case 'act':
        return tell(ctx.chat ? ctx.sendChatAction('typing') : ctx.telegram.getMe(), 'act')
      case 'hang':
        return new Promise(() => undefined)
    }
  }

  #look({ id, listener, ctx }: Omit<At, 'next'>): void {
    this.parts.log(id, this.parts.sees(ctx, listener))
  }
}

const PASSING: Handler = { kind: 'handler', steps: ['next'], synchronous: false }
