/** Numbers and texts as bytes, the way Lua's `struct` reads them: little-endian, nothing aligned. */

const FIRST_SIZE = 1024

export class ByteWriter {
  private bytes = Buffer.allocUnsafeSlow(FIRST_SIZE)
  private view = viewOf(this.bytes)
  private at = 0

  /** How many bytes there are. */
  get length(): number {
    return this.at
  }

  byte(value: number): void {
    this.make(1)
    this.bytes[this.at++] = value
  }

  short(value: number): void {
    this.make(2)
    this.view.setUint16(this.at, value, true)
    this.at += 2
  }

  int(value: number): void {
    this.make(4)
    this.view.setUint32(this.at, value, true)
    this.at += 4
  }

  double(value: number): void {
    this.make(8)
    this.view.setFloat64(this.at, value, true)
    this.at += 8
  }

  /** A length, then so many bytes of UTF-8. */
  text(value: string): void {
    const length = Buffer.byteLength(value)
    this.int(length)
    this.make(length)
    this.at += this.bytes.write(value, this.at)
  }

  /** A length, then so many bytes. */
  buffer(value: Buffer): void {
    this.int(value.length)
    this.make(value.length)
    value.copy(this.bytes, this.at)
    this.at += value.length
  }

  /** Writes over an `int` that stands already. */
  patch(at: number, value: number): void {
    this.view.setUint32(at, value, true)
  }

  /** Copies all bytes to where they are wanted, and begins anew. Returns where they end. */
  drain(target: Buffer, start: number): number {
    this.bytes.copy(target, start, 0, this.at)
    const end = start + this.at
    this.at = 0
    return end
  }

  /** All bytes, as a copy; begins anew. */
  take(): Buffer {
    const taken = Buffer.allocUnsafe(this.at)
    this.drain(taken, 0)
    return taken
  }

  private make(room: number): void {
    if (this.at + room <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(2 * (this.at + room))
    this.bytes.copy(grown, 0, 0, this.at)
    this.bytes = grown
    this.view = viewOf(grown)
  }
}

export class ByteReader {
  private readonly view: DataView
  private at = 0

  constructor(private readonly bytes: Buffer) {
    this.view = viewOf(bytes)
  }

  byte(): number {
    return this.bytes[this.at++]
  }

  /** The next byte, which stays the next. */
  peek(): number {
    return this.bytes[this.at]
  }

  short(): number {
    this.at += 2
    return this.view.getUint16(this.at - 2, true)
  }

  int(): number {
    this.at += 4
    return this.view.getUint32(this.at - 4, true)
  }

  double(): number {
    this.at += 8
    return this.view.getFloat64(this.at - 8, true)
  }

  text(): string {
    return this.take(this.int())
  }

  /** A length, then so many bytes. */
  buffer(): Buffer {
    const length = this.int()
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  /** So many bytes of UTF-8. */
  take(length: number): string {
    this.at += length
    return this.bytes.toString('utf8', this.at - length, this.at)
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
