import {
  CHANNEL_BOT,
  GROUP_ANONYMOUS_BOT,
  ManualClock,
  TELEGRAM_USER,
  createUpdates,
  updateKinds,
  updates as sharedUpdates,
  type Updates,
} from 'telegraf-sentinel/testing'

let updates: Updates
beforeEach(() => {
  updates = createUpdates()
})

describe('numbering and dates', () => {
  test('ids count up, and the same calls give the same updates', () => {
    const other = createUpdates()
    const calls = (set: Updates) => updateKinds.map(({ build }) => build(set))
    expect(calls(updates)).toEqual(calls(other))
    expect(calls(createUpdates({ startId: 500 })).map(({ update_id }) => update_id)).toEqual(
      updateKinds.map((_, i) => 500 + i),
    )
  })

  test('dates come from the clock, in seconds', () => {
    const clock = new ManualClock(7_999)
    const set = createUpdates({ clock })
    expect(set.text('a').message.date).toBe(7)
    clock.advance('1m')
    expect(set.text('a').message.date).toBe(67)
    expect(createUpdates({ date: 99, clock }).text('a').message.date).toBe(99)
  })

  test('an explicit update_id uses no number up', () => {
    expect(updates.text('a', { update_id: 77 }).update_id).toBe(77)
    expect(updates.text('b').update_id).toBe(1)
  })

  test('the shared set gives every update its own id', () => {
    expect(sharedUpdates.text('a').update_id).toBeLessThan(sharedUpdates.dice().update_id)
  })
})

describe('people and chats', () => {
  test('an id is enough', () => {
    const { message } = updates.text('/buy 3', { from: 7, chat: -100 })
    expect(message.from).toEqual({ id: 7, is_bot: false, first_name: 'User 7', language_code: 'en' })
    expect(message.chat).toEqual({ id: -100, type: 'group', title: 'group -100' })
  })

  test('without a chat, it is the private chat', () => {
    expect(updates.text('a', { from: { id: 7, first_name: 'Ann' } }).message.chat).toEqual({
      id: 7,
      type: 'private',
      first_name: 'Ann',
    })
  })

  test.each([
    [5, 'private'],
    [-5, 'group'],
    [-1001234567890, 'supergroup'],
  ])('chat %p is a %s', (chat, type) => {
    expect(updates.text('a', { chat }).message.chat.type).toBe(type)
  })

  test('any field can be overridden, or left out', () => {
    const { message } = updates.text('a', { message_thread_id: 3, date: 5, text: 'b', message_id: undefined })
    expect(message).toMatchObject({ message_thread_id: 3, date: 5, text: 'b' })
    expect(message).not.toHaveProperty('message_id')
  })
})

describe('commands', () => {
  test.each([
    ['/start', [[0, 6]]],
    ['/buy@test_bot 3', [[0, 13]]],
    [
      'see /help or /start',
      [
        [4, 5],
        [13, 6],
      ],
    ],
    ['🎉 /start', [[3, 6]]],
  ])('%s has command entities', (text, spans) => {
    expect(updates.text(text).message.entities).toEqual(
      spans.map(([offset, length]) => ({ type: 'bot_command', offset, length })),
    )
  })

  test.each(['hello', 'a/b', 'https://a.b/c', '/', '/a/b'])('%s has none', (text) => {
    expect(updates.text(text).message).not.toHaveProperty('entities')
  })

  test('in captions too', () => {
    expect(updates.photo('/scan').message).toMatchObject({
      caption: '/scan',
      caption_entities: [{ type: 'bot_command', offset: 0, length: 5 }],
    })
  })
})

describe('what Telegram delivers under a shared name', () => {
  test('an anonymous admin', () => {
    const { message } = updates.anonymousAdmin('hi', { chat: -1005 })
    expect(message.from).toEqual(GROUP_ANONYMOUS_BOT)
    expect(message.sender_chat).toMatchObject({ id: -1005 })
    expect(message.chat.id).toBe(-1005)
  })

  test('a user who writes as a channel', () => {
    const { message } = updates.asChannel('hi', { sender_chat: { id: -1009, type: 'channel' } })
    expect(message.from).toEqual(CHANNEL_BOT)
    expect(message.sender_chat).toMatchObject({ id: -1009, type: 'channel' })
    expect(message.chat.type).toBe('supergroup')
  })

  test('a post in the linked group', () => {
    const { message } = updates.linkedPost('news')
    expect(message.from).toEqual(TELEGRAM_USER)
    expect(message.is_automatic_forward).toBe(true)
    expect(message.forward_origin).toMatchObject({ type: 'channel', chat: message.sender_chat })
  })

  test('a vote in the name of a channel', () => {
    const { poll_answer } = updates.channelPollAnswer([1])
    expect(poll_answer.user).toEqual(CHANNEL_BOT)
    expect(poll_answer.voter_chat).toMatchObject({ type: 'channel' })
  })
})

test('a channel post has no sender but the channel', () => {
  for (const post of [
    updates.channelPost('n').channel_post,
    updates.editedChannelPost('n').edited_channel_post,
  ]) {
    expect(post).not.toHaveProperty('from')
    expect(post.sender_chat).toEqual(post.chat)
    expect(post.chat.type).toBe('channel')
  }
})

test('an album is one group of separate messages', () => {
  const album = updates.album(3, { from: 7 })
  expect(new Set(album.map(({ message }) => message.media_group_id)).size).toBe(1)
  expect(new Set(album.map(({ message }) => message.message_id)).size).toBe(3)
  expect(updates.album(2)[0].message.media_group_id).not.toBe(album[0].message.media_group_id)
})

describe('callback queries', () => {
  test('carry the message that was tapped', () => {
    const message = { message_id: 9, chat: { id: 42, type: 'private' }, date: 1 }
    expect(updates.callbackQuery('d', { message }).callback_query.message).toEqual(message)
    const { callback_query } = updates.callbackQuery('d', { from: 7, chat: -100 })
    expect(callback_query.message?.chat.id).toBe(-100)
    expect(callback_query.message).toMatchObject({ from: { is_bot: true } })
    expect(callback_query).not.toHaveProperty('chat')
  })

  test('have a date of 0 where the message is inaccessible', () => {
    const { message } = updates.inaccessibleCallbackQuery('d').callback_query
    expect(message).toMatchObject({ date: 0, message_id: expect.any(Number) })
    expect(message).not.toHaveProperty('text')
  })

  test('have no message where it came through inline mode, and no data for a game', () => {
    expect(updates.inlineCallbackQuery('d').callback_query).not.toHaveProperty('message')
    expect(updates.gameCallbackQuery('chess').callback_query).toMatchObject({ game_short_name: 'chess' })
    expect(updates.gameCallbackQuery('chess').callback_query).not.toHaveProperty('data')
  })
})

test('reactions are of a user or of a chat, never of both', () => {
  expect(updates.messageReaction('🔥', { from: 7 }).message_reaction).toMatchObject({ user: { id: 7 } })
  const { message_reaction } = updates.anonymousReaction('🔥', { actor_chat: -1009 })
  expect(message_reaction.actor_chat).toMatchObject({ id: -1009 })
  expect(message_reaction).not.toHaveProperty('user')
  for (const payload of [message_reaction, updates.messageReactionCount().message_reaction_count]) {
    expect(payload).not.toHaveProperty('from')
  }
})

test('blocking and unblocking the bot', () => {
  const { my_chat_member: blocked } = updates.myChatMember('kicked', { from: 7 })
  expect(blocked).toMatchObject({ chat: { id: 7 }, old_chat_member: { status: 'member' } })
  expect(blocked.new_chat_member).toMatchObject({ status: 'kicked', user: { is_bot: true } })
  expect(updates.myChatMember('member').my_chat_member.old_chat_member.status).toBe('kicked')
})

test('kinds that nobody has heard of', () => {
  expect(updates.unknownUpdate('future_thing', { a: 1, b: undefined })).toEqual({
    update_id: 1,
    future_thing: { a: 1 },
  })
})

describe('updateKinds', () => {
  test('has a sample of every builder', () => {
    expect(updateKinds.map(({ name }) => name).sort()).toEqual(Object.keys(updates).sort())
  })

  test('covers every kind of update of Bot API 7.1, and later ones', () => {
    expect([...new Set(updateKinds.map(({ type }) => type))].sort()).toEqual([
      'business_connection',
      'business_message',
      'callback_query',
      'channel_post',
      'chat_boost',
      'chat_join_request',
      'chat_member',
      'chosen_inline_result',
      'deleted_business_messages',
      'edited_business_message',
      'edited_channel_post',
      'edited_message',
      'future_thing',
      'inline_query',
      'managed_bot',
      'message',
      'message_reaction',
      'message_reaction_count',
      'my_chat_member',
      'poll',
      'poll_answer',
      'pre_checkout_query',
      'purchased_paid_media',
      'removed_chat_boost',
      'shipping_query',
    ])
  })

  test.each(updateKinds)('$name makes one $type, plain JSON', ({ build, type }) => {
    const update = build(updates)
    expect(Object.keys(update).sort()).toEqual([type, 'update_id'].sort())
    expect(JSON.parse(JSON.stringify(update))).toEqual(update)
  })
})
