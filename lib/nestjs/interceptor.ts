/** In front of each handler that nestjs-telegraf calls. */
import type { CallHandler, CanActivate, ExecutionContext, NestInterceptor } from '@nestjs/common'
import { lastValueFrom, of, type Observable } from 'rxjs'
import type { Context } from 'telegraf'
import type { Next } from '../turn'
import type { Handler, Handlers } from './handlers'
import type { UnderWay } from './under-way'

/** `next` as a handler has it: its arguments are fixed before interceptors run, so where it leads is told later. */
type Relay = Next<Context> & { to: Next<Context> }

/** Judges each update by the guards of the handler that nestjs-telegraf is about to call. */
export class SentinelInterceptor implements NestInterceptor {
  readonly #handlers: Handlers
  readonly #underWay: UnderWay

  constructor(handlers: Handlers, underWay: UnderWay) {
    this.#handlers = handlers
    this.#underWay = underWay
  }

  /** A refusal is an answer of `undefined`, which nestjs-telegraf does not send. */
  intercept(
    context: ExecutionContext,
    handler: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    return isTelegraf(context) ? this.#guarded(context, handler) : handler.handle()
  }

  /** Counted here too: the bot may have begun the update before its updates were. */
  #guarded(context: ExecutionContext, handler: CallHandler): Promise<Observable<unknown>> {
    return this.#underWay.during(async () =>
      of(await run(context, handlerOf(this.#handlers, context), handler)),
    )
  }
}

/** Refuses nothing: it gives methods with `@Exempt` a `next` that can be led elsewhere, which only a guard can. */
export class NextGuard implements CanActivate {
  readonly #handlers: Handlers

  constructor(handlers: Handlers) {
    this.#handlers = handlers
  }

  canActivate(context: ExecutionContext): boolean {
    if (isTelegraf(context) && handlerOf(this.#handlers, context).hasLifted) {
      const args = context.getArgs<[Context, Next<Context>]>()
      args[1] = relayTo(args[1])
    }
    return true
  }
}

function run(context: ExecutionContext, { guards, key, hasLifted }: Handler, handler: CallHandler): unknown {
  const [ctx, next] = context.getArgs<[Context, Next<Context>]>()
  if (!hasLifted || !isRelay(next)) return guards.run(ctx, key, () => lastValueFrom(handler.handle()), next)
  const handle = (following = next.to): Promise<unknown> => {
    next.to = following
    return lastValueFrom(handler.handle())
  }
  return guards.run(ctx, key, handle, next.to)
}

function relayTo(next: Next<Context>): Relay {
  const relay: Relay = Object.assign((ctx?: Context) => relay.to(ctx), { to: next })
  return relay
}

function isRelay(next: Next<Context>): next is Relay {
  return 'to' in next
}

function handlerOf(handlers: Handlers, context: ExecutionContext): Handler {
  return handlers.find(context.getClass(), context.getHandler())
}

function isTelegraf(context: ExecutionContext): boolean {
  return context.getType<string>() === 'telegraf'
}
