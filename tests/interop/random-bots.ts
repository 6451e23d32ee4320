/** Random bots as data: trees of middleware whose handlers do what handlers do. */
import fc from 'fast-check'
import { COMPARED } from './twins'

/** What a handler does, one after the other. */
export type Step =
  'look' | 'next' | 'next loosely' | 'next, new context' | 'set state' | 'throw' | 'tick' | 'act' | 'hang'

export interface Handler {
  readonly kind: 'handler'
  readonly steps: readonly Step[]
  /** Throws and returns at once, where it has nothing to wait for. */
  readonly synchronous: boolean
}

export interface Branch {
  readonly kind: 'compose' | 'fork' | 'tap' | 'optional' | 'lazy' | 'catch' | 'guarded'
  readonly children: readonly Node[]
}

export interface Listener {
  readonly kind: 'listener'
  /** Of `COMPARED`. */
  readonly listener: string
  readonly children: readonly Node[]
}

export type Node = Handler | Branch | Listener

export interface Bot {
  readonly nodes: readonly Node[]
  /** What `bot.catch` does; `none`: there is none. */
  readonly onError: 'note' | 'rethrow'
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Step>('next') },
  { weight: 3, arbitrary: fc.constant<Step>('look') },
  { weight: 2, arbitrary: fc.constantFrom<Step>('set state', 'tick', 'act', 'next, new context') },
  { weight: 1, arbitrary: fc.constantFrom<Step>('throw', 'next loosely') },
)

/** `@Use` stands between the others, and is another matter for routes: so it is met often. */
export const listener = fc.oneof(
  fc.constant('use'),
  ...Array.from({ length: 3 }, () => fc.constantFrom(...COMPARED.map(({ name }) => name))),
)

export const handler: fc.Arbitrary<Handler> = fc.record({
  kind: fc.constant('handler' as const),
  steps: fc.array(step, { maxLength: 4 }).map((steps): Step[] => ['look', ...steps]),
  synchronous: fc.boolean(),
})

const tree = fc.letrec<{ node: Node; nodes: Node[] }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 4, arbitrary: handler },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('listener' as const),
        listener,
        children: tie('nodes'),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom<Branch['kind']>(
          'compose',
          'fork',
          'tap',
          'optional',
          'lazy',
          'catch',
          'guarded',
          'guarded',
        ),
        children: tie('nodes'),
      }),
    },
  ),
  nodes: fc.array(tie('node'), { minLength: 1, maxLength: 4 }),
}))

export const bot: fc.Arbitrary<Bot> = fc.record({
  nodes: tree.nodes,
  onError: fc.constantFrom('note' as const, 'rethrow' as const),
})

/** The same bot, with handlers of which each may wait for ever and none waits for anything else. */
export function hanging({ nodes, onError }: Bot, hangs: readonly boolean[]): Bot {
  let i = 0
  const steps = (given: readonly Step[]): Step[] => {
    const kept = given.map((one) => (one === 'tick' || one === 'act' ? 'look' : one))
    return hangs[i++ % hangs.length] ? [...kept, 'hang'] : kept
  }
  const map = (node: Node): Node =>
    node.kind === 'handler'
      ? { ...node, steps: steps(node.steps) }
      : { ...node, children: node.children.map(map) }
  return { nodes: nodes.map(map), onError }
}

/** Whether parts of it run side by side, so that their order among each other is nobody's promise. */
export function isConcurrent(nodes: readonly Node[]): boolean {
  return nodes.some((node) =>
    node.kind === 'handler'
      ? node.steps.includes('next loosely')
      : node.kind === 'fork' || isConcurrent(node.children),
  )
}
