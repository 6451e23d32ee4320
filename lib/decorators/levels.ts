/** What stands around the methods of a class: its own guards and its parents', merged as inheritance has it. */
import type { Guards, Level } from '../policy'
import type { Listener } from '../routing/route'
import { NO_GUARDS } from '../schema'
import { descriptionOf, type Description } from './metadata'

/** A method after inheritance: whose listeners are in force, and whose guards. */
export interface Method {
  readonly listeners: readonly Listener[]
  /** Named after the class that declares the guards. */
  readonly level: Level
}

export interface ClassLevels {
  /** Whether `@Controller` stands on the class or on a parent. */
  readonly isController: boolean
  /** The guards of the class and its parents, parents first. */
  readonly classes: readonly Level[]
  /** The methods that a decorator of ours stands on; parents' first, as declared. */
  readonly methods: ReadonlyMap<string | symbol, Method>
}

/** A class of the chain, with what its decorators say. */
interface Ancestor {
  readonly name: string
  readonly description: Description
}

/** Reads what decorators say of a class and of its parents. */
export function levelsOf(Class: object): ClassLevels {
  const ancestors = ancestorsOf(Class)
  return {
    isController: ancestors.some(({ description }) => description.controller !== undefined),
    classes: ancestors.flatMap(({ name, description: { guards } }) =>
      guards === undefined ? [] : { name, guards },
    ),
    methods: mergedMethods(ancestors),
  }
}

/** A method's part of labels and of names of buckets. */
export function methodName(key: string | symbol): string {
  return typeof key === 'string' ? key : (key.description ?? 'symbol')
}

/** The described classes from the topmost parent down. */
function ancestorsOf(Class: object): Ancestor[] {
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
function mergedMethods(ancestors: readonly Ancestor[]): Map<string | symbol, Method> {
  const merged = new Map<string | symbol, Method>()
  for (const { name, description } of ancestors) {
    for (const [key, { listeners, guards }] of description.members) {
      const before = merged.get(key)
      merged.set(key, {
        listeners: listeners.length > 0 || before === undefined ? listeners : before.listeners,
        level: guards !== undefined || before === undefined ? levelOf(name, key, guards) : before.level,
      })
    }
  }
  return merged
}

function levelOf(owner: string, key: string | symbol, guards: Guards = NO_GUARDS): Level {
  return { name: `${owner}.${methodName(key)}`, guards }
}
