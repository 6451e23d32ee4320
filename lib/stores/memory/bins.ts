const CHUNK_BITS = 12
const CHUNK = 1 << CHUNK_BITS
const SMALLEST_CHUNK = 16
/** Records per bin, beyond which a bin is added, and below which one is taken away. */
const MOST_RECORDS = 3
const FEWEST_RECORDS = 1.5

/**
 * Says in which bin a record is, by its hash, and where that bin is. It grows by splitting one bin at a time, so it
 * never has to rehash everything, and shrinks likewise.
 *
 * @see W. Litwin, "Linear hashing: a new tool for file and table addressing", VLDB 1980
 */
export class Bins {
  count = 1
  /** One less than the power of two that `count` has not passed yet. */
  private mask = 0
  private readonly chunks = [new Int32Array(SMALLEST_CHUNK)]

  of(hash: number): number {
    const bin = hash & this.mask
    return bin < this.count ? bin : bin & (this.mask >>> 1)
  }

  /** The handle of a bin; 0: it is empty. */
  get(bin: number): number {
    return this.chunks[bin >>> CHUNK_BITS][bin & (CHUNK - 1)]
  }

  set(bin: number, handle: number): void {
    this.chunks[bin >>> CHUNK_BITS][bin & (CHUNK - 1)] = handle
  }

  areTooFew(records: number): boolean {
    return records > this.count * MOST_RECORDS
  }

  areTooMany(records: number): boolean {
    return this.count > 1 && records < this.count * FEWEST_RECORDS
  }

  /** Adds an empty bin. The bin returned may have records that now belong into it. */
  add(): number {
    const bin = this.count++
    if (bin > this.mask) this.mask = 2 * this.mask + 1
    this.makeRoom(bin)
    return this.partnerOf(bin)
  }

  /** Takes the last bin away. Its records now belong into the bin returned. */
  remove(): number {
    const bin = --this.count
    const partner = this.partnerOf(bin)
    if (bin === (this.mask >>> 1) + 1) this.mask >>>= 1
    if ((bin & (CHUNK - 1)) === 0) this.chunks.pop()
    return partner
  }

  private partnerOf(bin: number): number {
    return bin & (this.mask >>> 1)
  }

  private makeRoom(bin: number): void {
    const number = bin >>> CHUNK_BITS
    const chunk = this.chunks[number]
    if (chunk === undefined) this.chunks.push(new Int32Array(SMALLEST_CHUNK))
    else if ((bin & (CHUNK - 1)) === chunk.length) {
      this.chunks[number] = new Int32Array(Math.min(CHUNK, 2 * chunk.length))
      this.chunks[number].set(chunk)
    } else this.set(bin, 0)
  }
}
