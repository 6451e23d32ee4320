/** Of the known names the one that a mistyped name most likely means, if any is near enough. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Infinity
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    // More than two in five letters wrong is another word.
    if (distance >= least || distance > Math.max(name.length, candidate.length) * 0.4) continue
    best = candidate
    least = distance
  }
  return best
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(above[j] + 1, row[j - 1] + 1, substitution)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1)
      }
    }
    before = above
    above = row
  }
  return above[b.length]
}

/** What to say of a name that nobody knows: the nearest known one, or all of them. */
export function hintFor(name: unknown, known: readonly string[], kind: string): string {
  const near = nearest(String(name), known)
  return near === undefined ? `the ${kind} are ${known.join(', ') || 'none'}` : `did you mean '${near}'?`
}
