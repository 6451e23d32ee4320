/**
 * What goes, and when: subjects whose deadline has passed, a slice at a time, and above the bound those idle longest.
 */
import { deadlineWord, touchWord, type Page } from './slab'
import type { Subjects } from './subjects'

/** One slice looks at this many slots and frees this many records: below a millisecond or two. */
const LOOKS = 32_768
const FREES = 2_048
/** Up to this many subjects the idlest is found exactly, above it among a sample. */
const EXACT = 256
const SAMPLES = 4
const SAMPLE_LENGTH = 8

export class Collector {
  /** Where the next slice begins. Pages are walked downwards, because the last one fills the place of one that goes. */
  private position = -1
  private slot = 0
  /** The idlest record seen so far, and the touches since its last. */
  private page: Page | undefined = undefined
  private at = 0
  private idle = 0

  constructor(private readonly subjects: Subjects) {}

  /** One slice: frees what was garbage before `second`. Returns whether it stopped short of the table's end by its bounds. */
  sweep(second: number): boolean {
    const { pages } = this.subjects.slab
    let looks = LOOKS
    let frees = FREES
    if (this.position < 0 || this.position >= pages.length) this.rewind(pages.length - 1)
    while (this.position >= 0) {
      const page = pages[this.position]
      while (this.slot < page.used) {
        if (looks-- === 0) return false
        const at = this.slot * page.size
        const deadline = page.words[deadlineWord(at)]
        if (deadline !== 0 && deadline < second) {
          if (frees-- === 0) return true
          this.subjects.free(page, at)
        }
        this.slot++
      }
      this.rewind(this.position - 1)
    }
    return false
  }

  /** Frees subjects, those idle longest first, until there are no more than `most`. */
  trim(most: number): void {
    while (this.subjects.size > most) {
      const exact = this.subjects.size <= EXACT
      if (exact) this.lookAtAll()
      else this.lookAround()
      if (this.page !== undefined) this.subjects.free(this.page, this.at)
      this.page = undefined
    }
  }

  private lookAtAll(): void {
    for (const page of this.subjects.slab.pages) this.consider(page, 0, page.used)
  }

  /** Looks at a few runs of neighbours at random places. */
  private lookAround(): void {
    const { pages } = this.subjects.slab
    for (let sample = 0; sample < SAMPLES; sample++) {
      const page = pages[Math.floor(Math.random() * pages.length)]
      const start = Math.floor(Math.random() * page.used)
      this.consider(page, start, Math.min(page.used, start + SAMPLE_LENGTH))
    }
  }

  private consider(page: Page, start: number, end: number): void {
    const { words } = page
    for (let at = start * page.size; at < end * page.size; at += page.size) {
      if (words[deadlineWord(at)] === 0) continue
      const idle = (this.subjects.touches - words[touchWord(at)]) >>> 0
      if (this.page !== undefined && idle <= this.idle) continue
      this.page = page
      this.at = at
      this.idle = idle
    }
  }

  private rewind(position: number): void {
    this.position = position
    this.slot = 0
  }
}
