import { ManualClock } from 'telegraf-sentinel/testing'
import { SentinelUsageError } from '../../lib/errors'

test('starts at 2026-01-01T00:00:00Z and stands still', () => {
  const clock = new ManualClock()
  expect(new Date(clock.now()).toISOString()).toBe('2026-01-01T00:00:00.000Z')
  expect(clock.now()).toBe(new ManualClock().now())
})

test('advances by durations in any notation', () => {
  const clock = new ManualClock(1000)
  expect(clock.advance(250)).toBe(1250)
  expect(clock.advance('2s')).toBe(3250)
  expect(clock.advance('30d')).toBe(3250 + 30 * 86_400_000)
})

test('can be set back', () => {
  const clock = new ManualClock(5000)
  clock.set(10)
  expect(clock.now()).toBe(10)
})

test.each([0, -5, '10', 'soon', NaN, Infinity])('advance(%p) is refused, and moves nothing', (duration) => {
  const clock = new ManualClock(1000)
  expect(() => clock.advance(duration)).toThrow(SentinelUsageError)
  expect(() => clock.advance(duration)).toThrow(/advance\(.*needs a positive number of milliseconds/)
  expect(clock.now()).toBe(1000)
})

test.each([-1, 1.5, NaN, Infinity])('a time of %p is refused', (time) => {
  expect(() => new ManualClock(time)).toThrow(SentinelUsageError)
  expect(() => new ManualClock().set(time)).toThrow(/whole number of milliseconds/)
})
