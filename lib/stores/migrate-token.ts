/** How far a migration is, as a text that a later run goes on from. */
import { z } from 'zod/v3'
import { parseJson } from './json'
import type { UserNamespace } from './user-record'

/** Where the next page starts, and what the pages before it came to. */
export interface Position {
  /** Absent: all is copied. */
  readonly namespace?: UserNamespace
  /** Absent: at the namespace's start. */
  readonly cursor?: string
  readonly counts: Readonly<Record<UserNamespace, number>>
  /** Records of the source, if they were counted. */
  readonly totals?: Readonly<Record<UserNamespace, number>>
}

/** `prefix:bot` in the source and in the target. */
export type Spaces = readonly [source: string, target: string]

const numbers = z.strictObject({
  blocks: z.number().int().min(0),
  registrations: z.number().int().min(0),
  members: z.number().int().min(0),
})
const tokenSchema = z.strictObject({
  spaces: z.tuple([z.string(), z.string()]),
  namespace: z.enum(['blocks', 'registrations', 'members']).optional(),
  cursor: z.string().optional(),
  counts: numbers,
  totals: numbers.optional(),
})

export const START: Position = { namespace: 'blocks', counts: { blocks: 0, registrations: 0, members: 0 } }

export function tokenOf(spaces: Spaces, position: Position): string {
  return Buffer.from(JSON.stringify({ spaces, ...position })).toString('base64url')
}

/** The position that a token of a migration between these spaces stands for; a text that says what is wrong with it. */
export function positionOf(token: string, spaces: Spaces): Position | string {
  const parsed = tokenSchema.safeParse(parseJson(Buffer.from(token, 'base64url').toString()))
  if (!parsed.success) return 'must be the token of a progress report'
  const { spaces: own, ...position } = parsed.data
  if (own[0] === spaces[0] && own[1] === spaces[1]) return position
  return `belongs to another migration, from ${own[0]} to ${own[1]}, not from ${spaces[0]} to ${spaces[1]}`
}
