import { StoreError } from '../errors'

/** How deep a value may nest: beyond it a cycle is likelier than data. */
const DEEPEST = 100

/**
 * Why a value is not plain JSON (with the path of the part that is not), or `undefined` if it is. Members that are
 * `undefined` are let pass, as JSON leaves them out.
 */
export function jsonProblem(value: unknown, path = '', depth = 0): string | undefined {
  if (depth > DEEPEST) return `${path || 'it'} nests too deeply, or contains itself`
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${path || 'it'} is ${value}`
  if (Array.isArray(value)) return firstProblem([...value.entries()], path, depth)
  if (isPlainObject(value)) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    return firstProblem(members, path, depth)
  }
  return `${path || 'it'} is ${describe(value)}`
}

/** A copy that shares nothing with the original. */
export function copyJson<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T)
}

/** What a text says as JSON; `undefined` if it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** What a record says as JSON. @throws StoreError that names the record */
export function parseRecord(text: string, name: string): unknown {
  const value = parseJson(text)
  if (value === undefined) throw unreadable(name)
  return value
}

/** What is said of a record that is no JSON. */
export function unreadable(name: string): StoreError {
  return new StoreError(
    `the record of ${name} is no JSON: somebody else has written it; it has to be deleted`,
  )
}

/** A member of an object out of a store, never one of `Object.prototype`. */
export function ownMember(object: unknown, name: string): unknown {
  return isRecord(object) && Object.hasOwn(object, name) ? object[name] : undefined
}

/** The members of an object out of a store; none if it is no object. */
export function membersOf(object: unknown): [string, unknown][] {
  return isRecord(object) ? Object.entries(object) : []
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // By name and not by identity: an object from another realm (a vm, a test runner) is as plain as ours.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function firstProblem(members: [string | number, unknown][], path: string, depth: number) {
  for (const [name, member] of members) {
    const problem = jsonProblem(member, path === '' ? String(name) : `${path}.${name}`, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`
  return `an instance of ${value.constructor?.name ?? 'a class'}`
}
