/** The public names, nothing else. */
export { createSentinel, Sentinel } from './sentinel'
export {
  healthHandler,
  type HealthHandler,
  type HealthHandlerOptions,
  type SentinelHealth,
  type Waiting,
} from './health'
export { sentinelOf, type Judgement } from './turn'
export * from './decorators'
export type { ClassGuard } from './class-guard'
export type { AnySessionStore, SessionStore, SessionStoreOptions } from './session-options'
export type { SentinelOptions, ControllerLike } from './options'
export type {
  DebounceOptions,
  GuardPolicy,
  RateLimitOptions,
  RequireRegisteredOptions,
  ScopeOption,
} from './policy'
export type { Allowed, Reason, Refused, Verdict } from './verdict'
export type { ActionKind, Subject } from './subject'
export type { AnsweredReason, RepliesOption, ReplyOption } from './reply'
export type { BackpressureOptions } from './backlog'
export type { BeforeHook, Hook, HooksOption } from './hooks'
export type { Plugin, PluginHost, PluginRecords } from './plugin'
export type { Clock } from './clock'
export type { Duration } from './duration'
export type { LimitSubject } from './limits'
export type {
  BlockEvent,
  ErrorEvent,
  EventName,
  EventOf,
  Listener,
  MembershipEvent,
  OverloadEvent,
  RegistrationEvent,
  SentinelEvent,
  UpdateEvent,
} from './events'
export {
  LimiterError,
  OverloadError,
  SentinelError,
  SentinelOptionsError,
  SentinelUsageError,
  StoreError,
  StoreTimeoutError,
  type ErrorCode,
  type Problem,
} from './errors'
export { fixedWindow, gcra, slidingCounter, slidingWindow, tokenBucket } from './limiters'
export type { Algorithm, BuiltinLimiter, Kernel, Limiter, Outcome, Row, Rule } from './limiters'
export { layered, type LayeredOptions, type LayeredStore } from './stores/layered'
export { MemoryStore } from './stores/memory'
export {
  failover,
  type CopiesOptions,
  type FailoverOptions,
  type FailoverStore,
  type JournalOptions,
} from './stores/failover'
export type { Channel, ChannelListener } from './stores/channel'
export type { DegradedEvent, RecoveredEvent, StoreEvent, StoreListener } from './stores/store-event'
export { StorageAdapter, type Entry, type KeyedEntry, type ScanPage, type Version } from './stores/store'
export type {
  Meeting,
  RecordPlace,
  StoredMember,
  UserNamespace,
  UserRecordOf,
  UserRecordPage,
} from './stores/user-record'
export { migrateStore, type MigrateCounts, type MigrateOptions, type MigrateProgress } from './stores/migrate'
export type { BlockItem, BlockOptions, BulkOptions, Many, RegistrationItem } from './stores/records'
export type {
  Block,
  Decision,
  DecisionRequest,
  LimitState,
  Member,
  Registration,
  StoreHealth,
} from './stores/decision'
