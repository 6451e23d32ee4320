/** From what Nest says of a call (the class and the function) to the guards in front of it. */
import type { Context } from 'telegraf'
import type { ClassGuard } from '../class-guard'
import type { AnyClass } from '../decorators/types'
import { SentinelUsageError } from '../errors'
import { methodKeys, type Key } from '../members'
import type { Sentinel } from '../sentinel'

export interface Handler {
  readonly guards: ClassGuard<Context>
  readonly key: Key
  /** Its `next` is another than Telegraf's. */
  readonly hasLifted: boolean
}

export class Handlers {
  readonly #sentinel: Pick<Sentinel, 'guardsOf'>
  readonly #classes = new WeakMap<object, Map<unknown, Handler>>()

  constructor(sentinel: Pick<Sentinel, 'guardsOf'>) {
    this.#sentinel = sentinel
  }

  /** A function alone would not do: a method that is inherited stands behind the guards of each class. */
  find(Class: AnyClass, method: { readonly name: string }): Handler {
    return this.#classes.get(Class)?.get(method) ?? this.#learn(Class, method)
  }

  #learn(Class: AnyClass, method: { readonly name: string }): Handler {
    const guards = this.#sentinel.guardsOf(Class)
    const key = keyOf(Class, method, guards)
    const handler = { guards, key, hasLifted: guards.hasLifted(key) }
    const known = this.#classes.get(Class) ?? new Map<unknown, Handler>()
    this.#classes.set(Class, known.set(method, handler))
    return handler
  }
}

/** The name under which the class has the function: a minifier or a wrapper may have changed the function's own. */
function keyOf(Class: AnyClass, method: { readonly name: string }, guards: ClassGuard<Context>): Key {
  const prototype = Class.prototype as object
  const keys = methodKeys(prototype)
  const named = keys.filter((key) => Reflect.get(prototype, key) === method)
  const key = named.find((name) => guards.hasOwn(name)) ?? named.at(0)
  if (key !== undefined) return key
  // Somebody has replaced it since nestjs-telegraf took it; where only the class has guards, any name will do.
  if (keys.includes(method.name) || guards.reach.own.length === 0) return method.name
  throw new SentinelUsageError(
    `${Class.name}: which of its methods ${method.name || 'a function without a name'} is cannot be told, so neither can ` +
      'its guards. Replace methods before Nest starts, or keep their names',
  )
}
