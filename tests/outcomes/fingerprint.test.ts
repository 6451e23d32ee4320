import { createUpdates, type Updates } from 'telegraf-sentinel/testing'
import { guarded, stopAll } from '../support/guarded'

afterEach(stopAll)

/** What became of two updates of one person, a second apart, under a debounce of ten. */
async function outcomes(build: (set: Updates) => readonly object[]): Promise<string[]> {
  const { send, types, clock } = await guarded({ debounce: '10s' })
  for (const update of build(createUpdates())) {
    await send(update)
    clock.advance('1s')
  }
  return types()
}

let files = 0
/** Telegram gives one file a new `file_id` now and then; its `file_unique_id` stays. */
const file = (name: string) => ({ file_id: `file-${++files}`, file_unique_id: name })
const photo = (name: string) => [file(`${name}-small`), file(name)]

describe('a person would call these the same', () => {
  test.each<[string, (set: Updates) => readonly object[]]>([
    ['one text', (set) => [set.text('hi'), set.text('hi')]],
    ['one text in two groups', (set) => [set.text('hi', { chat: -1 }), set.text('hi', { chat: -2 })]],
    ['one command', (set) => [set.text('/buy 3'), set.text('/buy 3')]],
    ['one sticker', (set) => [1, 2].map(() => set.message({ sticker: file('duck') }))],
    ['one photo, uploaded in other sizes', (set) => [1, 2].map(() => set.message({ photo: photo('cat') }))],
    [
      'one photo and caption',
      (set) => [1, 2].map(() => set.message({ photo: photo('cat'), caption: 'Look' })),
    ],
    ['one document', (set) => [1, 2].map(() => set.message({ document: file('report') }))],
    ['one place', (set) => [set.location(1, 2), set.location(1, 2)]],
    ['one contact', (set) => [set.contact('+1'), set.contact('+1')]],
    [
      'one button',
      (set) =>
        [1, 2].map((n) => set.callbackQuery('x', { message: { message_id: 5, chat: { id: 42 }, date: n } })),
    ],
    [
      'one button of an inline message',
      (set) => [1, 2].map(() => set.inlineCallbackQuery('x', { inline_message_id: 'i' })),
    ],
    ['one inline query', (set) => [set.inlineQuery('cats'), set.inlineQuery('cats')]],
    ['one edit', (set) => [1, 2].map(() => set.editedMessage('hi', { message_id: 5 }))],
    ['one reaction', (set) => [1, 2].map(() => set.messageReaction('👍', { message_id: 5 }))],
    [
      'one reply to one message',
      (set) => [1, 2].map(() => set.text('/ban', { reply_to_message: { message_id: 5 } })),
    ],
  ])('%s', async (_what, build) => {
    expect(await outcomes(build)).toEqual(['allowed', 'debounced'])
  })
})

describe('a person would call these different', () => {
  test.each<[string, (set: Updates) => readonly object[]]>([
    ['two texts', (set) => [set.text('hi'), set.text('ho')]],
    ['two amounts', (set) => [set.text('/buy 3'), set.text('/buy 4')]],
    ['two stickers with one emoji', (set) => [set.sticker('👍'), set.sticker('👍')]],
    ['two photos', (set) => [set.photo(), set.photo()]],
    ['two photos with one caption', (set) => [set.photo('Look'), set.photo('Look')]],
    [
      'one photo with two captions',
      (set) => ['A', 'B'].map((caption) => set.message({ photo: photo('cat'), caption })),
    ],
    [
      'a caption and the same text',
      (set) => [set.message({ caption: 'hi', photo: photo('a') }), set.text('hi')],
    ],
    ['two voices', (set) => [set.voice(), set.voice()]],
    ['two documents of one name', (set) => [set.document('a.pdf'), set.document('a.pdf')]],
    ['two places', (set) => [set.location(1, 2), set.location(1, 3)]],
    ['two dice', (set) => [set.dice(1), set.dice(2)]],
    ['one button under two messages', (set) => [set.callbackQuery('x'), set.callbackQuery('x')]],
    [
      'one button in two inline messages',
      (set) => [set.inlineCallbackQuery('x'), set.inlineCallbackQuery('x')],
    ],
    [
      'two buttons under one message',
      (set) =>
        ['x', 'y'].map((data) => set.callbackQuery(data, { message: { message_id: 5, chat: { id: 42 } } })),
    ],
    ['two inline queries', (set) => [set.inlineQuery('cat'), set.inlineQuery('cats')]],
    [
      'the next page of an inline query',
      (set) => [set.inlineQuery('cat'), set.inlineQuery('cat', { offset: '50' })],
    ],
    ['a message and its edit', (set) => [set.text('hi'), set.editedMessage('hi', { message_id: 1 })]],
    ['edits of two messages', (set) => [set.editedMessage('hi'), set.editedMessage('hi')]],
    ['reactions to two messages', (set) => [set.messageReaction('👍'), set.messageReaction('👍')]],
    [
      'a reaction and the next',
      (set) => ['👍' as const, '🔥' as const].map((emoji) => set.messageReaction(emoji, { message_id: 5 })),
    ],
    ['votes in two polls', (set) => [set.pollAnswer([0]), set.pollAnswer([0])]],
    [
      'replies to two messages',
      (set) => [5, 6].map((message_id) => set.text('/ban', { reply_to_message: { message_id } })),
    ],
    [
      'two people of one name whose membership changes',
      (set) => [7, 8].map((id) => set.chatMember({ id, first_name: 'Alex' }, 'member')),
    ],
    [
      'requests to join two groups of one name',
      (set) =>
        [-1, -2].map((id) => set.chatJoinRequest({ chat: { id, title: 'Friends', type: 'supergroup' } })),
    ],
    ['a text and a button with it', (set) => [set.text('x'), set.callbackQuery('x')]],
    ['text that looks like two fields', (set) => [set.text('a\u0000b'), set.text('a'), set.text('b')]],
  ])('%s', async (_what, build) => {
    const all = await outcomes(build)
    expect(all).toEqual(all.map(() => 'allowed'))
  })

  test('two people', async () => {
    expect(await outcomes((set) => [set.text('hi', { from: 1 }), set.text('hi', { from: 2 })])).toEqual([
      'allowed',
      'allowed',
    ])
  })
})

describe('the window', () => {
  test('a dropped repeat does not extend it', async () => {
    const { send, types, events, clock, updates } = await guarded({ debounce: '10s' })
    for (const wait of [4_000, 4_000, 1_999, 1, 1]) {
      await send(updates.text('hi'))
      clock.advance(wait)
    }
    expect(types()).toEqual(['allowed', 'debounced', 'debounced', 'debounced', 'allowed'])
    expect(events[3]).toMatchObject({ verdict: { reason: 'debounced', name: 'bot', retryAfter: 1 } })
  })

  test('another text in between does not end it', async () => {
    expect(await outcomes((set) => [set.text('a'), set.text('b'), set.text('a'), set.text('b')])).toEqual([
      'allowed',
      'allowed',
      'debounced',
      'debounced',
    ])
  })
})

describe('a fingerprint of one’s own', () => {
  test('decides what is the same', async () => {
    const { send, types, updates } = await guarded({
      debounce: { window: '10s', fingerprint: (ctx) => ctx.text?.trim().toLowerCase() },
    })
    for (const text of ['Hi', ' hi ', 'ho']) await send(updates.text(text))
    expect(types()).toEqual(['allowed', 'debounced', 'allowed'])
  })

  test('undefined means no debounce', async () => {
    const { send, types, updates } = await guarded({
      debounce: { window: '10s', fingerprint: (ctx) => (ctx.text === 'free' ? undefined : ctx.text) },
    })
    for (const text of ['free', 'free', 'hi', 'hi']) await send(updates.text(text))
    expect(types()).toEqual(['allowed', 'allowed', 'allowed', 'debounced'])
  })

  test('the empty text is a fingerprint like any other', async () => {
    const { send, types, updates } = await guarded({ debounce: { window: '10s', fingerprint: () => '' } })
    for (const text of ['a', 'b']) await send(updates.text(text))
    expect(types()).toEqual(['allowed', 'debounced'])
  })
})
