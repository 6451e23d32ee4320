/**
 * Where the jobs of one or several convoys wait. Half of it is kept for its sharers, evenly, and the rest is for whoever comes
 * first: one whose server hangs does not keep the others out (sharing with minimum allocation, Kamoun & Kleinrock 1980).
 */
export class WaitingRoom {
  /** Jobs that wait in it. */
  taken = 0

  constructor(
    /** Jobs that find a place in it. */
    readonly most: number,
    /** Those who share it, where it is shared. */
    private readonly sharers: () => Iterable<{ readonly waiting: number }> = () => [],
  ) {}

  /** Whether one of whose jobs `own` wait in it already may have one more wait, and the others still have what is theirs. */
  hasPlaceFor(own: number): boolean {
    // At most half of it is kept for the others: until it is half full there is nothing to count.
    if (this.taken < this.most / 2) return true
    if (this.taken >= this.most) return false
    const sharers = [...this.sharers()]
    const kept = Math.floor(this.most / 2 / sharers.length)
    if (own < kept) return true
    const keptFree = sharers.reduce((sum, { waiting }) => sum + Math.max(0, kept - waiting), 0)
    return this.taken + keptFree < this.most
  }
}
