/**
 * What goes, and when: subjects whose deadline has passed, a slice at a time, and above the bound those idle longest.
 */
import { filledOf, lengthOf, shiftDeadline, touchWord } from './records'
import type { Page } from './slab'
import type { Subjects } from './subjects'

/** One slice looks at this many bins and frees about this many records: some two milliseconds. */
const LOOKS = 16_384
const FREES = 1024
/** Up to this many subjects the idlest is found exactly, above it among a sample. */
const EXACT = 256
/** Records in a sample, at least, and how many neighbouring bins are looked at together. */
const SAMPLE = 32
const RUN = 4

export class Collector {
  /** Where the next slice begins. Pages are walked downwards, because the last one fills the place of one that goes. */
  private position = -1
  private slot = 0
  /** The idlest record seen so far, and the touches since its last; -1: none was seen. */
  private page: Page
  private start = 0
  private at = 0
  private idle = -1

  constructor(private readonly subjects: Subjects) {
    this.page = subjects.page
  }

  /** One slice: frees what is garbage at `tick`, and pages that are empty. Returns whether it stopped because that was much. */
  sweep(tick: number): boolean {
    const { pages } = this.subjects.slab
    let looks = LOOKS
    let frees = FREES
    if (this.position < 0 || this.position >= pages.length) this.rewind(pages.length - 1)
    while (this.position >= 0) {
      const page = pages[this.position]
      for (; this.slot < page.used; this.slot++) {
        if (looks-- === 0) return false
        if (frees <= 0) return true
        frees -= this.subjects.expire(page, this.slot * page.size, tick)
      }
      if (page.live === 0 && page === pages[this.position]) this.subjects.slab.drop(page)
      this.rewind(this.position - 1)
    }
    return false
  }

  /** Counts all deadlines from `ticks` later on. */
  shift(ticks: number): void {
    for (const page of this.subjects.slab.pages) {
      for (let start = 0; start < page.used * page.size; start += page.size) {
        const end = start + filledOf(page, start)
        for (let at = start; at < end; at += lengthOf(page, at)) shiftDeadline(page, at, ticks)
      }
    }
  }

  /** Frees subjects, those idle longest first, until there are no more than `most`. */
  trim(most: number): void {
    while (this.subjects.size > most) {
      this.idle = -1
      if (this.subjects.size <= EXACT) this.lookAtAll()
      else this.lookAround()
      this.subjects.goToRecord(this.page, this.start, this.at)
      this.subjects.free()
    }
  }

  private lookAtAll(): void {
    for (const page of this.subjects.slab.pages) this.consider(page, 0, page.used)
  }

  /** Looks at runs of neighbours at random places until it has seen enough. */
  private lookAround(): void {
    const { pages } = this.subjects.slab
    for (let seen = 0; seen < SAMPLE;) {
      const page = pages[Math.floor(Math.random() * pages.length)]
      const start = Math.floor(Math.random() * page.used)
      seen += this.consider(page, start, Math.min(page.used, start + RUN))
    }
  }

  /** Looks at a run of bins. Returns how many records it saw. */
  private consider(page: Page, first: number, end: number): number {
    const { words } = page
    let seen = 0
    for (let start = first * page.size; start < end * page.size; start += page.size) {
      const last = start + filledOf(page, start)
      for (let at = start; at < last; at += lengthOf(page, at)) {
        seen++
        const idle = (this.subjects.touches - words[touchWord(at)]) >>> 0
        if (idle <= this.idle) continue
        this.page = page
        this.start = start
        this.at = at
        this.idle = idle
      }
    }
    return seen
  }

  private rewind(position: number): void {
    this.position = position
    this.slot = 0
  }
}
