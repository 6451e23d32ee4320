/** Where the time comes from, for tests and simulations: milliseconds since the epoch. */
export interface Clock {
  now(): number
}
