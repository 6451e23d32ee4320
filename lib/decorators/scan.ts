/** From decorated classes to routes. What cannot work is collected, so that an author sees every mistake at once. */
import { toError, type Problem } from '../errors'
import { prototypeOf } from '../members'
import type { Route } from '../routing/route'
import { show } from '../schema'
import { levelsOf, methodName, type ClassLevels } from './levels'
import type { ControllerClass } from './types'

export type { Route }

/** Makes a controller's instance: `new Class()`, or a DI container. */
export type Resolve = (Class: ControllerClass) => object

export interface Scan {
  /** In order of registration: controllers, their parents' methods first, methods as declared. */
  readonly routes: Route[]
  readonly problems: Problem[]
}

/** The routes of all controllers, classes or instances, in order. */
export function scanControllers(controllers: readonly unknown[], resolve: Resolve): Scan {
  const scans = controllers.map((controller, i) => scanController(controller, resolve, `controllers[${i}]`))
  return {
    routes: scans.flatMap(({ routes }) => routes),
    problems: scans.flatMap(({ problems }) => problems),
  }
}

/** The routes of one controller; `path` names it where it has no name. */
export function scanController(controller: unknown, resolve: Resolve, path = 'controller'): Scan {
  const Class = classOf(controller)
  if (Class === undefined) return failed(path, notAController(controller))
  const label = Class.name || path
  const levels = levelsOf(Class)
  if (!levels.isController) return failed(label, 'is not a controller: put @Controller() on the class')
  const problems = problemsOf(levels, label)
  if (problems.length > 0) return { routes: [], problems }
  const instance = typeof controller === 'function' ? instanceOf(Class, resolve) : (controller as object)
  if (typeof instance === 'string') return failed(label, instance)
  return routesOf(instance, label, levels)
}

/** The class itself, or the class of an instance; `undefined` for anything else. */
export function classOf(controller: unknown): ControllerClass | undefined {
  const isClass = typeof controller === 'function'
  if (isClass) return isObject(controller.prototype) ? (controller as unknown as ControllerClass) : undefined
  // Of the prototype: a proxy that binds what it gives would give another function.
  const made: unknown = isObject(controller) ? prototypeOf(controller)?.constructor : undefined
  return typeof made === 'function' && made !== Object && made !== Array
    ? (made as ControllerClass)
    : undefined
}

function notAController(controller: unknown): string {
  const what = `is ${show(controller)}, neither a class nor an instance of one`
  return controller === undefined ? `${what}; do its file and this one import each other?` : what
}

function problemsOf({ methods }: ClassLevels, label: string): Problem[] {
  if (methods.size === 0) {
    return [{ path: label, message: 'has no route: put a listener such as @Command on a method' }]
  }
  const problems: Problem[] = []
  for (const [key, { listeners }] of methods) {
    if (listeners.length > 0) continue
    const message = 'has guards but no route: put a listener such as @Command on it too'
    problems.push({ path: `${label}.${methodName(key)}`, message })
  }
  return problems
}

/** The instance, or what went wrong in words. */
function instanceOf(Class: ControllerClass, resolve: Resolve): object | string {
  try {
    const instance: unknown = resolve(Class)
    if (!isObject(instance)) return `resolve gave ${show(instance)} for it instead of an instance`
    if ('then' in instance) return 'resolve gave a promise for it; it must give the instance itself'
    return instance
  } catch (error) {
    return `cannot be made: ${toError(error).message}`
  }
}

function routesOf(instance: object, label: string, { classes, methods }: ClassLevels): Scan {
  const scan: Scan = { routes: [], problems: [] }
  for (const [key, { listeners, level }] of methods) {
    const path = `${label}.${methodName(key)}`
    const method: unknown = (instance as Record<PropertyKey, unknown>)[key]
    if (typeof method !== 'function') {
      scan.problems.push({ path, message: `is ${show(method)} on the instance, not a method` })
      continue
    }
    // One handler and one level for all listeners of a method: they share its buckets.
    const handler = method.bind(instance) as Route['handler']
    const levels = { classes, method: level }
    for (const listener of listeners) scan.routes.push({ ...listener, handler, label: path, levels })
  }
  return scan
}

function failed(path: string, message: string): Scan {
  return { routes: [], problems: [{ path, message }] }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
