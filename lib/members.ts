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

/** Fields that are arrow functions or bound methods. What can be called with `new` is something else. */
export function handlerFields(instance: object): Key[] {
  return Reflect.ownKeys(instance).filter((key) => {
    const value: unknown = Object.getOwnPropertyDescriptor(instance, key)?.value
    return typeof value === 'function' && !Object.hasOwn(value, 'prototype')
  })
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
