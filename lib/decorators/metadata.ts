/**
 * Where decorators leave what they say, and the only file that touches Reflect and Symbol.metadata.
 *
 * A class's description is its own: a child's never changes its parent's, `scan` reads the chain. Methods are known by
 * name, not by function, so another decorator that wraps a method loses nothing.
 */
import 'reflect-metadata'
import { SentinelOptionsError } from '../errors'
import type { Guards } from '../policy'
import type { Listener } from '../routing/route'

/** What the decorators of one method say. */
export interface Member {
  /** In the order of the source, top first. */
  readonly listeners: readonly Listener[]
  readonly guards: Guards | undefined
}

/** What the decorators of one class and of its own methods say. */
export interface Description {
  /** `@Controller` stands on the class. */
  controller: { readonly name: string | undefined } | undefined
  guards: Guards | undefined
  /** In the order of declaration. */
  readonly members: Map<string | symbol, Member>
}

/** What a decorator stands on. `key` is `undefined` for a class. */
export interface Place {
  readonly description: Description
  readonly key: string | symbol | undefined
  /** `Shop.buy`, or `buy` where the class has no name yet. */
  readonly label: string
}

/** Shared by all copies of this package, should an application have two. */
const KEY = Symbol.for('telegraf-sentinel')

// Compilers hand standard decorators a `context.metadata` only if the symbol is there when the class is defined.
const symbols = Symbol as { metadata?: symbol }
symbols.metadata ??= Symbol.for('Symbol.metadata')

interface StandardContext {
  readonly kind: string
  readonly name?: string | symbol
  readonly static?: boolean
  readonly private?: boolean
  readonly metadata?: Record<symbol, Description | undefined>
}

/** What a class itself (not its parents) was told by its decorators. */
export function descriptionOf(Class: object): Description | undefined {
  const legacy = Reflect.getOwnMetadata(KEY, Class) as Description | undefined
  if (legacy !== undefined) return legacy
  const { metadata } = symbols
  if (metadata === undefined || !Object.hasOwn(Class, metadata)) return undefined
  const own = (Class as Record<symbol, unknown>)[metadata]
  return typeof own === 'object' && own !== null && Object.hasOwn(own, KEY)
    ? (own as Record<symbol, Description>)[KEY]
    : undefined
}

/**
 * What a decorator stands on, by the arguments that it was called with: (value, context) is a standard one,
 * (target), (target, key) and (target, key, descriptor) are those of `experimentalDecorators`.
 *
 * @throws SentinelOptionsError for anything but a class or one of its public methods
 */
export function placeOf(decorator: string, args: readonly unknown[]): Place {
  const [target, second] = args
  if (args.length === 2 && isStandardContext(second)) return standardPlace(decorator, target, second)
  if (typeof target === 'function' && args.length === 1) {
    return { description: legacyDescription(target), key: undefined, label: target.name }
  }
  if ((typeof second === 'string' || typeof second === 'symbol') && isHolder(target)) {
    return legacyPlace(decorator, target, second, args[2])
  }
  throw misplaced(decorator, '', typeof second === 'undefined' ? 'a constructor parameter' : 'this')
}

/** The error of a decorator that stands where it cannot. */
export function misplaced(decorator: string, label: string, what: string): SentinelOptionsError {
  const path = label === '' ? decorator : `${decorator} ${label}`
  return new SentinelOptionsError([{ path, message: `cannot stand on ${what}` }])
}

/** The error of a decorator without parentheses, which would otherwise go unnoticed. */
export function refuseBare(decorator: string, args: readonly unknown[]): void {
  if (args.length < 2 && typeof args[0] !== 'function') return
  const message = `is called: write ${decorator}()`
  throw new SentinelOptionsError([{ path: decorator, message }])
}

/** The same error for decorators that take arguments, where these are what a compiler hands to a decorator itself. */
export function refuseUncalled(decorator: string, args: readonly unknown[]): void {
  const [target, second, third] = args
  const isStandard = args.length === 2 && isStandardContext(second)
  const isLegacy = args.length === 3 && isHolder(target) && isDescriptor(third)
  const isClass = args.length === 1 && typeof target === 'function' && /^class\b/.test(String(target))
  if (!isStandard && !isLegacy && !isClass) return
  throw new SentinelOptionsError([{ path: decorator, message: `is called: write ${decorator}(…)` }])
}

/** What is said of a method so far. */
export function memberOf(description: Description, key: string | symbol): Member {
  return description.members.get(key) ?? { listeners: [], guards: undefined }
}

function standardPlace(decorator: string, target: unknown, context: StandardContext): Place {
  const isClass = context.kind === 'class'
  const label = isClass && typeof target === 'function' ? target.name : String(context.name ?? '')
  if (!isClass && context.kind !== 'method') {
    const what = context.kind === 'accessor' ? 'an accessor' : `a ${context.kind}`
    throw misplaced(decorator, label, `${what}; it needs a method`)
  }
  if (context.static === true) throw misplaced(decorator, label, 'a static method')
  if (context.private === true) throw misplaced(decorator, label, 'a private method')
  const { metadata } = context
  if (metadata === undefined) {
    const message = 'this compiler gives decorators no context.metadata; import telegraf-sentinel first'
    throw new SentinelOptionsError([{ path: `${decorator} ${label}`, message }])
  }
  // A child's metadata inherits from its parent's: only an own description may be written to.
  const own = Object.hasOwn(metadata, KEY) ? metadata[KEY] : undefined
  const description = own ?? (metadata[KEY] = emptyDescription())
  return { description, key: isClass ? undefined : context.name, label }
}

function legacyPlace(decorator: string, target: object, key: string | symbol, descriptor: unknown): Place {
  const isStatic = typeof target === 'function'
  const Class: unknown = isStatic ? target : target.constructor
  const label = `${isHolder(Class) ? nameOf(Class) : ''}.${String(key)}`
  if (typeof descriptor === 'number') throw misplaced(decorator, label, 'a parameter; it needs the method')
  if (isStatic) throw misplaced(decorator, label, 'a static member')
  // The prototype is asked, not the descriptor: another decorator may have made a binding getter of the method.
  const member = Object.getOwnPropertyDescriptor(target, key)
  if (typeof member?.value !== 'function' || !isHolder(Class)) {
    throw misplaced(
      decorator,
      label,
      `${member === undefined ? 'a field' : 'an accessor'}; it needs a method`,
    )
  }
  return { description: legacyDescription(Class), key, label }
}

function legacyDescription(Class: object): Description {
  const own = Reflect.getOwnMetadata(KEY, Class) as Description | undefined
  if (own !== undefined) return own
  const description = emptyDescription()
  Reflect.defineMetadata(KEY, description, Class)
  return description
}

function emptyDescription(): Description {
  return { controller: undefined, guards: undefined, members: new Map() }
}

function isStandardContext(value: unknown): value is StandardContext {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string'
}

function isDescriptor(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'configurable' in value && 'enumerable' in value
}

function isHolder(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function nameOf(Class: object): string {
  return 'name' in Class && typeof Class.name === 'string' ? Class.name : ''
}
