/** Puts the guards of a class in front of the methods of an instance, for whoever calls them. */
import type { Context } from 'telegraf'
import type { ClassGuard } from './class-guard'
import { classOf } from './decorators/scan'
import type { AnyClass } from './decorators/types'
import { SentinelUsageError } from './errors'
import { gettersOf, handlerFields, methodKeys, prototypeOf, type Getter, type Key } from './members'
import { show } from './schema'
import type { Next } from './turn'

type Method = (...args: unknown[]) => unknown

/**
 * The class that an instance is one of.
 *
 * @throws SentinelUsageError for anything else
 */
export function classOfInstance(instance: unknown): AnyClass {
  const Class = typeof instance === 'function' ? undefined : classOf(instance)
  if (Class !== undefined) return Class
  const what = typeof instance === 'function' ? 'the class or function itself' : show(instance)
  throw new SentinelUsageError(
    `protect: takes an instance of a class, as new Shop(), not ${what}; for a function there is sentinel.guard()`,
  )
}

const protectedInstances = new WeakSet<object>()

/** Whether a sentinel has put guards in front of its methods. */
export function isProtected(instance: object): boolean {
  return protectedInstances.has(instance)
}

/**
 * Puts a class's guards in front of the methods of one instance, in place: whoever holds it calls guarded methods.
 *
 * @throws SentinelUsageError for an instance that cannot be changed, or whose guarded method is none
 */
export function protect<C extends Context>(instance: object, guard: ClassGuard<C>): void {
  const { own, others } = guard.reach
  const getters = others ? gettersOf(instance) : new Map<Key, Getter>()
  const rest = others
    ? [...methodKeys(prototypeOf(instance)), ...handlerFields(instance), ...getters.keys()]
    : []
  const keys = new Set([...own, ...rest])
  if (keys.size > 0 && !Object.isExtensible(instance)) {
    throw new SentinelUsageError('protect: the instance is frozen; protect it before it is')
  }
  guard.addFields(keys)
  for (const key of keys) {
    const getter = own.includes(key) ? undefined : getters.get(key)
    if (getter !== undefined) {
      watch(instance, key, getter, guard)
      continue
    }
    const method: unknown = Reflect.get(instance, key)
    // A field may stand where a class above has a method.
    if (typeof method === 'function' || own.includes(key)) put(instance, key, method, guard)
  }
  protectedInstances.add(instance)
}

function put<C extends Context>(instance: object, key: Key, method: unknown, guard: ClassGuard<C>): void {
  if (typeof method !== 'function') {
    throw new SentinelUsageError(`protect: ${guard.label(key)} is no method on this instance`)
  }
  const value = guarded(instance, key, method as Method, guard)
  define(instance, key, { value, writable: true }, guard)
}

/**
 * A getter may give a method, as those of decorators that bind do: it is looked at whenever it is read. Where it puts the method
 * on the instance in its own place, the guarded one takes that.
 */
function watch<C extends Context>(
  instance: object,
  key: Key,
  { get, set }: Getter,
  guard: ClassGuard<C>,
): void {
  const read = (): unknown => {
    const value: unknown = get.call(instance)
    if (typeof value !== 'function') return value
    if (Object.getOwnPropertyDescriptor(instance, key)?.get === read) {
      return guarded(instance, key, value as Method, guard)
    }
    put(instance, key, value, guard)
    return Reflect.get(instance, key)
  }
  define(instance, key, { get: read, set: set && ((value: unknown) => set.call(instance, value)) }, guard)
}

function define<C extends Context>(
  instance: object,
  key: Key,
  property: PropertyDescriptor,
  guard: ClassGuard<C>,
): void {
  if (Reflect.defineProperty(instance, key, { ...property, configurable: true, enumerable: false })) return
  throw new SentinelUsageError(`protect: ${guard.label(key)} cannot be replaced on this instance`)
}

function guarded<C extends Context>(
  instance: object,
  key: Key,
  method: Method,
  guard: ClassGuard<C>,
): Method {
  const call = (args: unknown[]): unknown => Reflect.apply(method, instance, args)
  const inFront: Method = (...args) => {
    const at = args.findIndex(isContext)
    if (at < 0) {
      if (!guard.hasOwn(key)) return call(args)
      const label = guard.label(key)
      throw new SentinelUsageError(`${label} is guarded: call it with the Telegraf context of the update`)
    }
    const ctx = args[at] as C
    if (guard.isPartOf(ctx, key)) return call(args)
    const beside = [at + 1, at - 1].find((place) => typeof args[place] === 'function')
    if (beside === undefined) return guard.run(ctx, key, () => call(args))
    const next = args[beside] as Method
    const handler = (following: unknown): unknown =>
      call(following === next ? args : args.with(beside, asNext(following as Method, next)))
    return guard.run(ctx, key, handler, next as Next<C>)
  }
  // What others have left on the method (metadata, properties) is found on what stands in front of it.
  Object.setPrototypeOf(inFront, method)
  for (const own of ['name', 'length'] as const) {
    Object.defineProperty(inFront, own, { value: method[own], configurable: true })
  }
  return inFront
}

/** A function beside the context may be no `next`: what no `next` is called with goes to the function itself. */
function asNext(following: Method, own: Method): Method {
  return (...args) => {
    const isNext = args[0] === undefined ? args.length < 2 : isContext(args[0])
    return isNext ? following(...args) : own(...args)
  }
}

/** Known by what it has: an application may have two copies of Telegraf. */
function isContext(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'update' in value && 'telegram' in value
}
