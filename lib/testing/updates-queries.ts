/** Builders of what users tap, type inline, pay and vote. */
import type { CallbackQuery, Update } from 'telegraf/types'
import { BOT_USER, CHANNEL_BOT, DEFAULT_CHANNEL, chatOf, messageOf, userOf } from './updates-base'
import type { MessageOptions, Mint, Place, SenderOptions, UpdateOptions } from './updates-base'

/** What the callback builders take. */
export interface CallbackOptions extends MessageOptions {
  /** The message whose button was tapped. Default: one of the bot's, in `chat`. */
  message?: object
}

export function queryBuilders(mint: Mint) {
  const query = (kind: string, content: object, options: SenderOptions) => {
    const { from, update_id, ...fields } = options
    return mint.update(kind, { id: mint.id('query'), from: userOf(from), ...content, ...fields }, update_id)
  }

  const callback = <Q extends CallbackQuery>(content: object, options: CallbackOptions) => {
    const fields = { chat_instance: 'chat-instance', ...content }
    return query('callback_query', fields, { ...options, chat: undefined }) as Update.CallbackQueryUpdate<Q>
  }

  const tapped = (options: CallbackOptions): object => {
    const chat = chatOf(options.chat, userOf(options.from))
    return messageOf(mint, { chat, text: 'Choose.' }, { from: BOT_USER })
  }

  return {
    /** A tap on an inline button under a message of the bot's. */
    callbackQuery: (data: string, options: CallbackOptions = {}) =>
      callback<CallbackQuery.DataQuery>({ data, message: tapped(options) }, options),

    /** A tap under a message that the bot can no longer reach: `date` is 0, and there is no content. */
    inaccessibleCallbackQuery: (data: string, options: CallbackOptions = {}) => {
      const chat = chatOf(options.chat, userOf(options.from))
      return callback<CallbackQuery.DataQuery>(
        { data, message: { chat, message_id: mint.messageId(), date: 0 } },
        options,
      )
    },

    /** A tap under a message that was sent through inline mode: there is no message, only `inline_message_id`. */
    inlineCallbackQuery: (data: string, options: CallbackOptions = {}) =>
      callback<CallbackQuery.DataQuery>({ data, inline_message_id: mint.id('inline-message') }, options),

    /** A tap on a game's play button: `game_short_name` instead of data. */
    gameCallbackQuery: (shortName = 'game', options: CallbackOptions = {}) =>
      callback<CallbackQuery.GameQuery>({ game_short_name: shortName, message: tapped(options) }, options),

    inlineQuery: (text: string, options: SenderOptions = {}) =>
      query(
        'inline_query',
        { query: text, offset: '', chat_type: 'private' },
        options,
      ) as Update.InlineQueryUpdate,

    chosenInlineResult: (resultId = 'result-1', options: SenderOptions = {}) =>
      query(
        'chosen_inline_result',
        { id: undefined, result_id: resultId, query: 'query' },
        options,
      ) as Update.ChosenInlineResultUpdate,

    shippingQuery: (payload = 'invoice', options: SenderOptions = {}) =>
      query(
        'shipping_query',
        {
          invoice_payload: payload,
          shipping_address: {
            country_code: 'DE',
            state: '',
            city: 'Berlin',
            street_line1: 'Street 1',
            street_line2: '',
            post_code: '10115',
          },
        },
        options,
      ) as Update.ShippingQueryUpdate,

    /** @param amount in the smallest unit of the currency */
    preCheckoutQuery: (amount = 1000, options: SenderOptions = {}) =>
      query(
        'pre_checkout_query',
        { currency: 'EUR', total_amount: amount, invoice_payload: 'invoice' },
        options,
      ) as Update.PreCheckoutQueryUpdate,

    /** A poll's new state; it names nobody. */
    poll: (question = 'Tea?', options: UpdateOptions = {}) => {
      const { update_id, ...fields } = options
      const state = {
        id: mint.id('poll'),
        question,
        options: [
          { text: 'Yes', voter_count: 1 },
          { text: 'No', voter_count: 0 },
        ],
        total_voter_count: 1,
        is_closed: false,
        is_anonymous: true,
        type: 'regular',
        allows_multiple_answers: false,
      }
      return mint.update('poll', { ...state, ...fields }, update_id) as Update.PollUpdate
    },

    /** A vote in a poll that is not anonymous. */
    pollAnswer: (optionIds: readonly number[] = [0], options: SenderOptions = {}) => {
      const { from, update_id, ...fields } = options
      const answer = { poll_id: mint.id('poll'), user: userOf(from), option_ids: [...optionIds] }
      return mint.update('poll_answer', { ...answer, ...fields }, update_id) as Update.PollAnswerUpdate
    },

    /** A vote in the name of a chat: `voter_chat`, and Channel_Bot as the user. */
    channelPollAnswer: (
      optionIds: readonly number[] = [0],
      options: UpdateOptions & { voter_chat?: Place } = {},
    ) => {
      const { voter_chat, update_id, ...fields } = options
      const answer = {
        poll_id: mint.id('poll'),
        voter_chat: chatOf(voter_chat ?? { id: DEFAULT_CHANNEL, type: 'channel' }),
        user: CHANNEL_BOT,
        option_ids: [...optionIds],
      }
      return mint.update('poll_answer', { ...answer, ...fields }, update_id) as Update.PollAnswerUpdate
    },
  }
}
