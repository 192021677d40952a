/** What the settlement of a message must know of it, so that it need not be read back. */
export interface Facts {
  /** The number of the flow's name. */
  readonly flow: number
  readonly parent: number | null
  readonly path: string
  readonly acceptedAt: number
  readonly bytes: number
}

/** Messages accepted by this owner that run without a wait: bounded by the engine's own bound on active work. */
export interface Active {
  add(seq: number, facts: Facts): void
  /** Answers and removes. */
  take(seq: number): Facts | undefined
  /** The commit is durable. */
  keep(): void
  /** The commit was rolled back. */
  forget(): void
}

/** Makes an empty set of active messages. */
export function createActive(): Active {
  const all = new Map<number, Facts>()
  let added: number[] = []
  let taken: [number, Facts][] = []
  const keep = (): void => {
    added = []
    taken = []
  }
  return {
    add: (seq, facts) => {
      all.set(seq, facts)
      added.push(seq)
    },
    take: (seq) => {
      const facts = all.get(seq)
      if (facts === undefined) return undefined
      all.delete(seq)
      taken.push([seq, facts])
      return facts
    },
    keep,
    forget: () => {
      for (const [seq, facts] of taken) all.set(seq, facts)
      for (const seq of added) all.delete(seq)
      keep()
    },
  }
}
