/** A database that the benchmark runs for itself, for a peer that needs one. */
export type Service = {
  readonly pid: number
  /** What a participant's process is told of it; `run` gets a place of its own in it. */
  readonly envFor: (run: string) => Promise<Readonly<Record<string, string>>>
  readonly stop: () => Promise<void>
}

/** A running service, or why there is none and what to do about it. */
export type ServiceStart = { readonly service: Service } | { readonly unavailable: string }
