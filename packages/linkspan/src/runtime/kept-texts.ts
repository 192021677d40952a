/** Texts by name, of which the longest unused are forgotten where they would take more room than allowed. */
export interface KeptTexts {
  keep(name: string, text: string | null): void
  /** Hands a text over; undefined where none is kept. Null is kept like a text. */
  take(name: string): string | null | undefined
}

/** What an entry takes beside its two texts, about. */
const ENTRY = 150

/** Makes an empty collection that takes about so many bytes at most. */
export function createKeptTexts(maxBytes: number): KeptTexts {
  // A Map gives its entries in the order in which they came.
  const kept = new Map<string, string | null>()
  let bytes = 0
  const sizeOf = (name: string, text: string | null): number =>
    ENTRY + 2 * (name.length + (text?.length ?? 0))

  const remove = (name: string): string | null | undefined => {
    const text = kept.get(name)
    if (text === undefined) return undefined
    kept.delete(name)
    bytes -= sizeOf(name, text)
    return text
  }

  return {
    keep(name, text) {
      remove(name)
      kept.set(name, text)
      bytes += sizeOf(name, text)
      for (const oldest of kept.keys()) {
        if (bytes <= maxBytes) return
        remove(oldest)
      }
    },
    take: remove,
  }
}
