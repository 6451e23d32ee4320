/** From decorated classes to routes. What cannot work is collected, so that an author sees every mistake at once. */
import { toError, type Problem } from '../errors'
import type { Guards, Level } from '../policy'
import type { Listener, Route } from '../routing/route'
import { NO_GUARDS, show } from '../schema'
import { descriptionOf, type Description } from './metadata'
import type { ControllerClass } from './types'

export type { Route }

/** Makes a controller's instance: `new Class()`, or a DI container. */
export type Resolve = (Class: ControllerClass) => object

export interface Scan {
  /** In order of registration: controllers, their parents' methods first, methods as declared. */
  readonly routes: Route[]
  readonly problems: Problem[]
}

/** A class of the chain, with what its decorators say. */
interface Ancestor {
  readonly name: string
  readonly description: Description
}

/** A method after inheritance: whose listeners and whose guards are in force. */
interface Merged {
  listeners: readonly Listener[]
  guards: Guards | undefined
  /** The class's part of the names of the method's buckets. */
  owner: string
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
  const ancestors = ancestorsOf(Class)
  if (!ancestors.some(({ description }) => description.controller !== undefined)) {
    return failed(label, 'is not a controller: put @Controller() on the class')
  }
  const members = mergedMembers(ancestors)
  const problems = problemsOf(members, label)
  if (problems.length > 0) return { routes: [], problems }
  const instance = typeof controller === 'function' ? instanceOf(Class, resolve) : (controller as object)
  if (typeof instance === 'string') return failed(label, instance)
  return routesOf(instance, label, members, classLevels(ancestors))
}

/** The class itself, or the class of an instance. */
function classOf(controller: unknown): ControllerClass | undefined {
  const isClass = typeof controller === 'function'
  if (isClass) return isObject(controller.prototype) ? (controller as unknown as ControllerClass) : undefined
  const made: unknown = isObject(controller) ? controller.constructor : undefined
  return typeof made === 'function' && made !== Object && made !== Array
    ? (made as ControllerClass)
    : undefined
}

function notAController(controller: unknown): string {
  const what = `is ${show(controller)}, neither a class nor an instance of one`
  return controller === undefined ? `${what}; do its file and this one import each other?` : what
}

/** The described classes from the topmost parent down. */
function ancestorsOf(Class: ControllerClass): Ancestor[] {
  const ancestors: Ancestor[] = []
  const seen = new Set<Description>()
  for (let at: unknown = Class; typeof at === 'function'; at = Object.getPrototypeOf(at)) {
    const description = descriptionOf(at)
    // A class decorator that returns a subclass may hand the description on to it: it counts once.
    if (description === undefined || seen.has(description)) continue
    seen.add(description)
    ancestors.unshift({ name: description.controller?.name ?? (at.name || 'Anonymous'), description })
  }
  return ancestors
}

/** Overriding keeps the parent's place; new listeners replace the listeners, new guards the guards as one set. */
function mergedMembers(ancestors: readonly Ancestor[]): Map<string | symbol, Merged> {
  const merged = new Map<string | symbol, Merged>()
  for (const { name, description } of ancestors) {
    for (const [key, { listeners, guards }] of description.members) {
      const before = merged.get(key)
      merged.set(key, {
        listeners: listeners.length > 0 || before === undefined ? listeners : before.listeners,
        guards: guards ?? before?.guards,
        owner: guards !== undefined || before === undefined ? name : before.owner,
      })
    }
  }
  return merged
}

function classLevels(ancestors: readonly Ancestor[]): Level[] {
  return ancestors.flatMap(({ name, description: { guards } }) =>
    guards === undefined ? [] : { name, guards },
  )
}

function problemsOf(members: ReadonlyMap<string | symbol, Merged>, label: string): Problem[] {
  if (members.size === 0) {
    return [{ path: label, message: 'has no route: put a listener such as @Command on a method' }]
  }
  const problems: Problem[] = []
  for (const [key, { listeners }] of members) {
    if (listeners.length > 0) continue
    const message = 'has guards but no route: put a listener such as @Command on it too'
    problems.push({ path: `${label}.${nameOf(key)}`, message })
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

function routesOf(
  instance: object,
  label: string,
  members: ReadonlyMap<string | symbol, Merged>,
  classes: readonly Level[],
): Scan {
  const scan: Scan = { routes: [], problems: [] }
  for (const [key, { listeners, guards = NO_GUARDS, owner }] of members) {
    const path = `${label}.${nameOf(key)}`
    const method: unknown = (instance as Record<PropertyKey, unknown>)[key]
    if (typeof method !== 'function') {
      scan.problems.push({ path, message: `is ${show(method)} on the instance, not a method` })
      continue
    }
    // One handler and one level for all listeners of a method: they share its buckets.
    const handler = method.bind(instance) as Route['handler']
    const levels = { classes, method: { name: `${owner}.${nameOf(key)}`, guards } }
    for (const listener of listeners) scan.routes.push({ ...listener, handler, label: path, levels })
  }
  return scan
}

function failed(path: string, message: string): Scan {
  return { routes: [], problems: [{ path, message }] }
}

function nameOf(key: string | symbol): string {
  return typeof key === 'string' ? key : (key.description ?? 'symbol')
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
