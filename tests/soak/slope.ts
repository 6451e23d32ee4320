/** A point in time (s) and what was measured then. */
export interface Point {
  readonly at: number
  readonly value: number
}

/** The least squares' line through the points: how much more there is each second. */
export function slopeOf(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const at = mean((point) => point.at)
  const value = mean((point) => point.value)
  const spread = mean((point) => (point.at - at) ** 2)
  return spread === 0 ? 0 : mean((point) => (point.at - at) * (point.value - value)) / spread
}
