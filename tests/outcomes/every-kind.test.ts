import { createUpdates, updateKinds, type UpdateKind } from 'telegraf-sentinel/testing'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

/** Payments and membership are never refused. */
const FREE = ['successfulPayment', 'preCheckoutQuery', 'shippingQuery', 'myChatMember']
/** A poll's state names nobody. */
const NOBODY = ['poll']

const judged = updateKinds.filter(({ name }) => ![...FREE, ...NOBODY].includes(name))

/** The same thing done once more: a new update, and for messages a new message, a moment later. */
function again(update: object, n: number): object {
  const [kind, payload] = Object.entries(update).find(([key]) => key !== 'update_id') as [string, object]
  const fresh: Record<string, unknown> = { ...payload }
  if (/message$|post$/.test(kind) && !kind.startsWith('edited')) fresh['message_id'] = 5000 + n
  if (kind === 'callback_query' || kind === 'inline_query') fresh['id'] = `again-${n}`
  if ('media_group_id' in fresh) fresh['media_group_id'] = `another-${n}`
  if ('date' in fresh) fresh['date'] = (fresh['date'] as number) + n
  return { update_id: 9000 + n, [kind]: fresh }
}

test('no kind is forgotten', () => {
  expect(judged.length).toBe(updateKinds.length - 5)
})

describe.each(judged)('$name', ({ build, type }: UpdateKind) => {
  test('is counted by a bot-wide limit', async () => {
    const { send, types, passed, caught } = await guarded({ rateLimit: { limit: 1, window: '1m' } })
    const update = build(createUpdates())
    await send(update)
    await send(again(update, 1))
    expect(types()).toEqual(['allowed', 'limited'])
    expect(passed).toHaveLength(1)
    expect(caught).toEqual([])
  })

  test('is stopped by a block', async () => {
    const { send, types, sentinel, events, passed } = await guarded()
    await send(build(createUpdates()))
    const [first] = events
    const actor = 'subject' in first ? first.subject?.actor : undefined
    await sentinel.blocks.add(actor as number)
    await send(again(build(createUpdates()), 1))
    expect(types()).toEqual(['allowed', 'blockAdded', 'blocked'])
    expect(passed).toHaveLength(1)
  })

  test('is debounced when repeated', async () => {
    const { send, types, clock } = await guarded({ debounce: '10s' })
    const update = build(createUpdates())
    await send(update)
    clock.advance(9_999)
    await send(again(update, 1))
    clock.advance(1)
    await send(again(update, 2))
    expect(types()).toEqual(['allowed', 'debounced', 'allowed'])
  })

  test('is dropped as a duplicate when Telegram delivers it again', async () => {
    const { send, events } = await guarded({ deduplicate: '1m' })
    const update = build(createUpdates())
    await send(update)
    await send({ ...update })
    expect(events.map((event) => event.type)).toEqual(['allowed', 'duplicate'])
    expect(events[1]).toMatchObject({ subject: { updateType: type }, verdict: { reason: 'duplicate' } })
  })
})

describe('an update that names nobody', () => {
  const poll = (n: number) => createUpdates({ startId: n }).poll()

  test('is not judged by what is about an actor', async () => {
    const { send, types, caught } = await guarded({
      rateLimit: [
        { limit: 1, window: '1m' },
        { name: 'chat', limit: 1, window: '1m', scope: 'chat' },
        { name: 'member', limit: 1, window: '1m', scope: 'member' },
      ],
      debounce: '1m',
      requireRegistered: true,
    })
    for (const n of [1, 2, 3]) await send(poll(n))
    expect(types()).toEqual(['allowed', 'allowed', 'allowed'])
    expect(caught).toEqual([])
  })

  test('is judged by a global limit and by one with a scope of its own', async () => {
    const global = await guarded({ rateLimit: { limit: 2, window: '1m', scope: 'global' } })
    for (const n of [1, 2, 3]) await global.send(poll(n))
    expect(global.types()).toEqual(['allowed', 'allowed', 'limited'])

    const own = await guarded({ rateLimit: { limit: 1, window: '1m', scope: (ctx) => ctx.updateType } })
    for (const n of [1, 2]) await own.send(poll(n))
    expect(own.types()).toEqual(['allowed', 'limited'])
  })

  test('is still delivered once', async () => {
    const { send, types } = await guarded({ deduplicate: '1m' })
    for (const n of [1, 1, 2]) await send(poll(n))
    expect(types()).toEqual(['allowed', 'duplicate', 'allowed'])
  })

  test('is debounced by a global debounce', async () => {
    const { send, types } = await guarded({ debounce: { window: '1m', scope: 'global' } })
    await send(poll(1))
    await send(poll(2))
    await send(createUpdates({ startId: 3 }).poll('Coffee?'))
    expect(types()).toEqual(['allowed', 'debounced', 'allowed'])
  })
})

test('one person is one actor whatever they do', async () => {
  const { send, types, updates } = await guarded({ rateLimit: { limit: 4, window: '1m' } })
  await send(updates.text('hi', { from: 7, chat: -100 }))
  await send(updates.callbackQuery('x', { from: 7 }))
  await send(updates.inlineQuery('cats', { from: 7 }))
  await send(updates.businessMessage('hi', { from: 7 }))
  await send(updates.pollAnswer([0], { from: 7 }))
  await send(updates.text('hi', { from: 8, chat: -100 }))
  expect(types()).toEqual(['allowed', 'allowed', 'allowed', 'allowed', 'limited', 'allowed'])
})
