import { AsyncResource } from 'node:async_hooks'
import { Deadline } from '../deadline'

/** Timers are made in here, so that none carries the async context of the update that happened to make it. */
const outside = new AsyncResource('TelegrafSentinelTimers')

/** A timer that holds neither the process nor anybody's context. */
export function later(ms: number, act: () => void): NodeJS.Timeout {
  return outside.runInAsyncScope(() => setTimeout(act, ms)).unref()
}

/** The end of a wait that holds neither, either. */
export function deadlineIn(ms: number, passed: () => void): Deadline {
  return outside.runInAsyncScope(() => new Deadline(ms, passed)).unref()
}
