import { Breaker } from '../../../lib/stores/failover/breaker'

const options = { failures: 3, successes: 2, settle: 1_000 }

function opened(): Breaker {
  const breaker = new Breaker(options)
  for (let n = 0; n < 3; n++) breaker.failed(100)
  return breaker
}

test('it opens at the last of so many failures in a row, and says so once', () => {
  const breaker = new Breaker(options)
  expect([1, 2, 3, 4].map((now) => breaker.failed(now))).toEqual([false, false, true, false])
  expect(breaker.state).toBe('open')
})

test('a success in between begins the count anew', () => {
  const breaker = new Breaker(options)
  breaker.failed(1)
  breaker.failed(2)
  breaker.succeeded()
  expect([3, 4, 5].map((now) => breaker.failed(now))).toEqual([false, false, true])
})

test('it closes after enough good trials, and not before it has settled', () => {
  const breaker = opened()
  expect(breaker.isProven(99_999)).toBe(false)
  breaker.halfOpen(200)
  breaker.passed()
  expect(breaker.isProven(99_999)).toBe(false)
  breaker.passed()
  expect(breaker.isProven(1_199)).toBe(false)
  expect(breaker.isProven(1_200)).toBe(true)
  breaker.close(1_200)
  expect(breaker.state).toBe('closed')
})

test('one bad trial, and everything begins anew', () => {
  const breaker = opened()
  breaker.halfOpen(200)
  breaker.passed()
  breaker.open(300)
  expect(breaker.state).toBe('open')
  breaker.passed()
  breaker.halfOpen(400)
  breaker.passed()
  expect(breaker.isProven(99_999)).toBe(false)
})

test('what fails late, while it is open or being tried, counts for nothing', () => {
  const breaker = opened()
  expect(breaker.failed(150)).toBe(false)
  breaker.halfOpen(200)
  for (let n = 0; n < 10; n++) expect(breaker.failed(250)).toBe(false)
  expect(breaker.state).toBe('half-open')
  breaker.close(300)
  expect([1, 2, 3].map((n) => breaker.failed(300 + n))).toEqual([false, false, true])
})
