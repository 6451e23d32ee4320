export { Controller } from './controller'
export { Debounce, Exempt, RateLimit, RequireRegistered } from './guards'
export {
  Action,
  Command,
  GameQuery,
  Hears,
  Help,
  InlineQuery,
  On,
  Reaction,
  Settings,
  Start,
  Use,
  type FilterOption,
  type TriggerOption,
} from './listeners'
export type {
  ControllerClass,
  ControllerDecorator,
  GuardDecorator,
  Handler,
  HandlerDecorator,
  MethodGuardDecorator,
} from './types'
