/** `telegraf-sentinel/testing`: what tests of bots, and of stores, need. */
export { FakeTelegram } from './fake-telegram'
export type { FakeTelegramOptions } from './fake-telegram'
export type { Call, Params, UploadedFile } from './fake-telegram-api'
export type { Failure } from './fake-telegram-faults'
export type { NewUpdate } from './fake-telegram-queue'
export type { WaitOptions } from './fake-telegram-signal'
export type { FakeUser } from './fake-telegram-user'
export { CLOCK_START, ManualClock } from './manual-clock'
export { storeContract } from './store-contract'
export { createUpdates, updateKinds, updates } from './updates'
export type { UpdateKind, Updates } from './updates'
export { CHANNEL_BOT, GROUP_ANONYMOUS_BOT, TELEGRAM_USER } from './updates-base'
export type {
  ChatFields,
  MessageOptions,
  MintOptions,
  Person,
  Place,
  PlaceOptions,
  SenderOptions,
  UpdateOptions,
} from './updates-base'
export type { BusinessOptions, LaterUpdate } from './updates-later'
export type { ReactionOptions } from './updates-members'
export type { SenderChatOptions } from './updates-messages'
export type { CallbackOptions } from './updates-queries'
