/** What can be told before the first update: guards that cannot be, and guards that nothing puts into force. */
import type { DiscoveryService } from '@nestjs/core'
import { levelsOf, methodName, type Method } from '../decorators/levels'
import { classOf } from '../decorators/scan'
import type { AnyClass } from '../decorators/types'
import { SentinelOptionsError, type Problem } from '../errors'
import { isProtected } from '../protect'
import type { Sentinel } from '../sentinel'
import { isListener, isRouted } from './routed'

/**
 * Plans the guards of all classes that nestjs-telegraf routes.
 *
 * @throws SentinelOptionsError with every mistake in all of them
 */
export function planRouted(sentinel: Pick<Sentinel, 'guardsOf'>, discovery: DiscoveryService): void {
  const problems: Problem[] = []
  for (const Class of routedClasses(discovery)) {
    try {
      sentinel.guardsOf(Class)
    } catch (thrown) {
      if (!(thrown instanceof SentinelOptionsError)) throw thrown
      problems.push(...thrown.problems)
    }
    problems.push(...unheard(Class))
  }
  if (problems.length > 0) throw new SentinelOptionsError(problems)
}

/** Whether `@Exempt` stands on a method of a class that nestjs-telegraf routes. */
export function hasExempt(discovery: DiscoveryService): boolean {
  return [...routedClasses(discovery)].some((Class) =>
    [...levelsOf(Class).methods.values()].some(({ level }) => level.guards.exempt),
  )
}

/** Warns of providers with guards that nobody judges. */
export function warnOfUnguarded(discovery: DiscoveryService): void {
  const protectedBy = new Map<AnyClass, boolean>()
  for (const { instance } of [...discovery.getProviders(), ...discovery.getControllers()]) {
    const Class = classOf(instance)
    if (Class === undefined || isRouted(Class) || !hasGuards(Class)) continue
    protectedBy.set(Class, protectedBy.get(Class) === true || isProtected(instance as object))
  }
  for (const [Class, isGuarded] of protectedBy) {
    if (isGuarded) continue
    process.emitWarning(
      `${Class.name} has guards, but nestjs-telegraf does not route it: nothing is guarded. Put @Update() on the ` +
        'class, or hand its instance to sentinel.protect() before it is called',
      'SentinelWarning',
    )
  }
}

/** As nestjs-telegraf finds them: by the class of the provider, not by its instance. */
function routedClasses(discovery: DiscoveryService): Set<AnyClass> {
  const classes = new Set<AnyClass>()
  for (const { metatype } of discovery.getProviders()) {
    if (typeof metatype === 'function' && isRouted(metatype as AnyClass)) classes.add(metatype as AnyClass)
  }
  return classes
}

/** Methods whose decorators never come into force, because nestjs-telegraf does not call them. */
function unheard(Class: AnyClass): Problem[] {
  const { isController, methods } = levelsOf(Class)
  const problems: Problem[] = []
  for (const [key, method] of methods) {
    const isOurs = isController && method.listeners.length > 0
    if (isOurs || isListener(Class, key)) continue
    problems.push({ path: `${Class.name}.${methodName(key)}`, message: whyUnheard(key, method) })
  }
  return problems
}

function whyUnheard(key: string | symbol, { listeners }: Method): string {
  if (listeners.length > 0) return "has a listener of telegraf-sentinel's: import it from nestjs-telegraf"
  if (typeof key === 'symbol') return 'has guards, but nestjs-telegraf calls no method that a symbol names'
  return 'has guards but no listener: put one of nestjs-telegraf, such as @Command, on it too (an overriding method needs its own)'
}

/** One with `@Controller` is for the sentinel's own routes. */
function hasGuards(Class: AnyClass): boolean {
  const { isController, classes, methods } = levelsOf(Class)
  return !isController && classes.length + methods.size > 0
}
