/** What an instance has that can be called: methods, getters that give one, fields that hold one. */

export type Key = string | symbol

export interface Getter {
  get(): unknown
  readonly set: ((value: unknown) => void) | undefined
}

/** All methods of a prototype and of those above it. */
export function methodKeys(prototype: object | null): Key[] {
  const keys = new Set<Key>()
  for (const [key, { value }] of membersAbove(prototype)) if (typeof value === 'function') keys.add(key)
  return [...keys]
}

/** The getters that an instance inherits and has no member of its own instead of. */
export function gettersOf(instance: object): Map<Key, Getter> {
  const getters = new Map<Key, Getter>()
  for (const [key, { get, set }] of membersAbove(prototypeOf(instance))) {
    if (get !== undefined && !Object.hasOwn(instance, key)) getters.set(key, { get, set })
  }
  return getters
}

/** Fields that hold functions: arrow functions, bound methods, function expressions. Classes are something else. */
export function handlerFields(instance: object): Key[] {
  return Reflect.ownKeys(instance).filter((key) => {
    const value: unknown = Object.getOwnPropertyDescriptor(instance, key)?.value
    return typeof value === 'function' && !isClass(value)
  })
}

/** The names of all members of a prototype and of those above it. */
export function memberKeys(prototype: object | null): Key[] {
  return [...membersAbove(prototype).keys()]
}

/** The prototype of a class cannot be replaced; that of one compiled to ES5 can be, and has members. */
function isClass(value: object): boolean {
  const property = Object.getOwnPropertyDescriptor(value, 'prototype')
  if (property === undefined || property.writable === false) return property !== undefined
  const prototype: unknown = property.value
  if (typeof prototype !== 'object' || prototype === null) return false
  // That of a generator has nothing of its own, and inherits.
  return Reflect.ownKeys(prototype).length > 0 && memberKeys(prototype).length > 0
}

export function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null
}

/** The members of a prototype and of those above it, of each name the nearest. */
function membersAbove(prototype: object | null): Map<Key, PropertyDescriptor> {
  const members = new Map<Key, PropertyDescriptor>()
  for (let at = prototype; at !== null && at !== Object.prototype; at = prototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      const member = Object.getOwnPropertyDescriptor(at, key)
      if (member !== undefined && key !== 'constructor' && !members.has(key)) members.set(key, member)
    }
  }
  return members
}
