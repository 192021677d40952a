/** What the settlement of a message must know of it, so that it need not be read back. */
export interface Facts {
  /** The number of the name of the flow it was accepted for. */
  readonly home: number
  /** The place of its parent, and the step that made it. */
  readonly made: number | null
  readonly path: string | null
  readonly acceptedAt: number
  readonly bytes: number
  readonly partition: number
}

/** Messages accepted by this owner that run without a wait: bounded by the engine's own bound on active work. */
export type Active = Map<number, Facts>
