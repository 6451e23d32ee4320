/**
 * The options of guards as they may be written: every mistake at once, each with its path, what would be right and,
 * for an unknown name, the nearest known one.
 */
import { inspect } from 'node:util'
import type { Context } from 'telegraf'
// The same library's smaller entry: the root one loads every language's messages, and takes longer than Telegraf.
import { z } from 'zod/v3'
import { DURATION_HINT, toMilliseconds } from './duration'
import type { Problem } from './errors'
import { ALGORITHMS } from './limiters'
import type { Algorithm } from './limiters/limiter'
import { LONGEST_LOG, slidingWindow } from './limiters/sliding-window'
import { leaseProblems } from './lease-options'
import { maskUrl } from './mask'
import { nearest } from './nearest'
import type { DebounceOptions, Guards, RateLimitOptions, RequireRegisteredOptions } from './policy'

export { nearest }

/** What could be read, and every mistake on the way. The value is to be used only where there is no problem. */
export interface Parsed<T> {
  readonly value: T
  readonly problems: readonly Problem[]
}

const BURSTING: readonly unknown[] = ['token-bucket', 'gcra']
const SCOPES = ['actor', 'chat', 'member', 'global'] as const

/** A schema from a test and from what would be right, in words. */
export function must(passes: (value: unknown) => boolean, right: string) {
  return z.custom<unknown>(passes, (input) => ({ message: `must be ${right}, not ${show(input)}` }))
}

/** One of these names or what else passes. */
function mustName(names: readonly string[], orElse: (value: unknown) => boolean, orElseWords: string) {
  const right = `${names.map((name) => `'${name}'`).join(', ')} or ${orElseWords}`
  return z.custom<unknown>(
    (value) => names.includes(value as string) || orElse(value),
    (input) => ({ message: `must be ${right}, not ${show(input)}${didYouMean(input, names)}` }),
  )
}

/** A duration option. */
export const duration = must((value) => toMilliseconds(value) !== undefined, DURATION_HINT)
/** A reply option: `false`, a text, texts by language code, or a function. */
export const reply = must(
  isReply,
  "false, a text, an object such as { en: '…', de: '…' } or a function (ctx, verdict)",
)
const flag = must((value) => typeof value === 'boolean', 'true or false')
const scope = mustName(SCOPES, isFunction, 'a function (ctx) => string')

const rateLimitSchema = z.strictObject({
  limit: must(
    (value) => isFunction(value) || isPositiveInteger(value),
    'a positive integer or a function (ctx) => number',
  ),
  window: duration,
  algorithm: mustName(ALGORITHMS, isLimiter, 'an object with `name` and `hit`').optional(),
  burst: must(isPositiveInteger, 'a positive integer').optional(),
  scope: scope.optional(),
  name: must(isText, 'a non-empty string').optional(),
  cost: must(
    (value) => isFunction(value) || value === 0 || isPositiveInteger(value),
    'a whole number from 0 up or a function (ctx) => number',
  ).optional(),
  countRefused: flag.optional(),
  blockFor: duration.optional(),
  shadow: flag.optional(),
  lease: must((value) => isPositiveInteger(value) && value > 1, 'an integer from 2 up').optional(),
  reply: reply.optional(),
})

const debounceSchema = z.strictObject({
  window: duration,
  scope: scope.optional(),
  fingerprint: must(isFunction, 'a function (ctx) => string | undefined').optional(),
})

const requireRegisteredSchema = z.strictObject({ reply: reply.optional() })

const guardPolicySchema = z.strictObject({
  name: must(isText, 'a non-empty string').optional(),
  rateLimit: z.unknown().optional(),
  debounce: z.unknown().optional(),
  requireRegistered: z.unknown().optional(),
})

/** Guards that guard nothing. */
export const NO_GUARDS: Guards = {
  rateLimits: [],
  debounces: [],
  requireRegistered: undefined,
  exempt: false,
}

/** `false`, one limit, or a list of them. */
export function parseRateLimits<C extends Context = Context>(
  value: unknown,
  path: string,
): Parsed<RateLimitOptions<C>[]> {
  if (value === undefined || value === false) return { value: [], problems: [] }
  const parsed = Array.isArray(value)
    ? value.map((one, i) => parseRateLimit<C>(one, `${path}[${i}]`))
    : [parseRateLimit<C>(value, path)]
  return { value: parsed.map((one) => one.value), problems: parsed.flatMap((one) => one.problems) }
}

/** One limit. */
export function parseRateLimit<C extends Context = Context>(
  value: unknown,
  path: string,
): Parsed<RateLimitOptions<C>> {
  if (!isObject(value)) {
    const message = `must be options { limit, window, … }, not ${show(value)}`
    return { value: value as RateLimitOptions<C>, problems: [{ path, message }] }
  }
  const { value: options, problems } = check(rateLimitSchema, value, path)
  return { value: options as RateLimitOptions<C>, problems: [...problems, ...contradictions(value, path)] }
}

/** A duration, or options. */
export function parseDebounceOptions<C extends Context = Context>(
  value: unknown,
  path: string,
): Parsed<DebounceOptions<C>> {
  if (isObject(value)) {
    const { value: options, problems } = check(debounceSchema, value, path)
    return { value: options as DebounceOptions<C>, problems }
  }
  const problems =
    toMilliseconds(value) === undefined
      ? [{ path, message: `must be ${DURATION_HINT}, or options { window, … }, not ${show(value)}` }]
      : []
  return { value: { window: value as DebounceOptions['window'] }, problems }
}

/** `false`, a duration, or options. */
export function parseDebounce<C extends Context = Context>(
  value: unknown,
  path: string,
): Parsed<DebounceOptions<C>[]> {
  if (value === undefined || value === false) return { value: [], problems: [] }
  const debounce = parseDebounceOptions<C>(value, path)
  return { value: [debounce.value], problems: debounce.problems }
}

/** `true`, `false` or `{ reply? }`. `undefined`: not required. */
export function parseRequireRegistered<C extends Context = Context>(
  value: unknown,
  path: string,
): Parsed<RequireRegisteredOptions<C> | undefined> {
  if (value === undefined || value === false) return { value: undefined, problems: [] }
  return parseRequireRegisteredOptions<C>(value, path)
}

/** `true` or `{ reply? }`. */
export function parseRequireRegisteredOptions<C extends Context = Context>(
  value: unknown,
  path: string,
): Parsed<RequireRegisteredOptions<C>> {
  if (value === true) return { value: {}, problems: [] }
  const { value: options, problems } = isObject(value)
    ? check(requireRegisteredSchema, value, path)
    : { value, problems: [{ path, message: `must be true or { reply }, not ${show(value)}` }] }
  return { value: options as RequireRegisteredOptions<C>, problems }
}

/** What `sentinel.guard()` takes; `name` is required where there is a limit or a debounce. */
export function parseGuardPolicy<C extends Context = Context>(
  value: unknown,
  path: string,
): Parsed<{ readonly name: string | undefined; readonly guards: Guards<C> }> {
  if (!isObject(value)) {
    const message = `must be an object { name, rateLimit, debounce, requireRegistered }, not ${show(value)}`
    return { value: { name: undefined, guards: NO_GUARDS as Guards<C> }, problems: [{ path, message }] }
  }
  const shape = check(guardPolicySchema, value, path)
  const rateLimits = parseRateLimits<C>(value['rateLimit'], `${path}.rateLimit`)
  const debounces = parseDebounce<C>(value['debounce'], `${path}.debounce`)
  const required = parseRequireRegistered<C>(value['requireRegistered'], `${path}.requireRegistered`)
  const problems = [...shape.problems, ...rateLimits.problems, ...debounces.problems, ...required.problems]
  const { name } = value
  if (name === undefined && rateLimits.value.length + debounces.value.length > 0) {
    problems.push({ path: `${path}.name`, message: 'is required where there is a limit or a debounce' })
  }
  const guards = {
    rateLimits: rateLimits.value,
    debounces: debounces.value,
    requireRegistered: required.value,
    exempt: false,
  }
  return { value: { name: typeof name === 'string' ? name : undefined, guards }, problems }
}

/** Holds a value against a (strict) object schema. The value comes back as a copy, or as it was if it is wrong. */
export function check(schema: z.AnyZodObject, value: unknown, path: string): Parsed<unknown> {
  const result = schema.safeParse(value)
  if (result.success) return { value: result.data, problems: [] }
  return { value, problems: problemsOf(result.error.issues, path, schema) }
}

/** What zod found, one problem per mistake; `schema` tells which names would have been known. */
export function problemsOf(issues: readonly z.ZodIssue[], path: string, schema?: z.ZodTypeAny): Problem[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'invalid_type') {
      const message = `must be an object { ${namesAt(schema, issue.path).join(', ')} }, not ${issue.received}`
      return { path: join(path, issue.path), message }
    }
    if (issue.code !== 'unrecognized_keys') return { path: join(path, issue.path), message: issue.message }
    const known = namesAt(schema, issue.path)
    return issue.keys.map((key) => ({
      path: join(path, [...issue.path, key]),
      message: unknownName(key, known),
    }))
  })
}

/** A value as an error message shows it: not at length, and without the password of a URL. */
export function show(value: unknown): string {
  const text = maskUrl(inspect(value, { depth: 1, breakLength: Infinity, compact: true }))
  return text.length > 80 ? text.slice(0, 79) + '…' : text
}

/** Options that are right by themselves and wrong together. */
function contradictions(options: Record<string, unknown>, path: string): Problem[] {
  return [...uselessBurst(options, path), ...endlessLog(options, path), ...leaseProblems(options, path)]
}

function endlessLog(
  { limit, algorithm = 'sliding-window' }: Record<string, unknown>,
  path: string,
): Problem[] {
  const logs = algorithm === 'sliding-window' || algorithm === slidingWindow
  if (!logs || !isPositiveInteger(limit) || limit <= LONGEST_LOG) return []
  const most = LONGEST_LOG.toLocaleString('en')
  const message = `sliding-window keeps one number per unit: take 'sliding-counter', 'token-bucket' or 'gcra' above ${most}`
  return [{ path: `${path}.limit`, message }]
}

function uselessBurst(options: Record<string, unknown>, path: string): Problem[] {
  const { burst, algorithm = 'sliding-window' } = options
  if (burst === undefined || BURSTING.includes(algorithm) || !ALGORITHMS.includes(algorithm as Algorithm))
    return []
  const message = `belongs to 'token-bucket' and 'gcra'; ${show(algorithm)} lets \`limit\` through at once`
  return [{ path: `${path}.burst`, message }]
}

function unknownName(name: string, known: readonly string[]): string {
  const hint = didYouMean(name, known)
  if (hint !== '' || known.length === 0) return `is not an option${hint}`
  return `is not an option; the options are ${known.join(', ')}`
}

function didYouMean(name: unknown, known: readonly string[]): string {
  const near = typeof name === 'string' ? nearest(name, known) : undefined
  return near === undefined ? '' : `; did you mean '${near}'?`
}

/** The names that an object schema, or one nested in it, knows. */
function namesAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  if (schema instanceof z.ZodOptional) return namesAt(schema.unwrap(), path)
  if (!(schema instanceof z.ZodObject)) return []
  const shape = schema.shape as Record<PropertyKey, unknown>
  return path.length === 0 ? Object.keys(shape) : namesAt(shape[path[0]], path.slice(1))
}

function join(path: string, rest: readonly PropertyKey[]): string {
  return rest.reduce<string>((before, part) => {
    if (typeof part === 'number') return `${before}[${part}]`
    return before === '' ? String(part) : `${before}.${String(part)}`
  }, path)
}

function isReply(value: unknown): boolean {
  if (value === false || isText(value) || isFunction(value)) return true
  if (!isObject(value)) return false
  const texts = Object.values(value)
  return texts.length > 0 && texts.every(isText)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isPositiveInteger(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isLimiter(value: unknown): value is { name: string } {
  return isObject(value) && isText(value['name']) && isFunction(value['hit'])
}
