/** A server that tests and benchmarks use, brought up by `npm run services`. One file each, one line in `list.ts`. */
export interface Service {
  /** Also its name in `compose.yaml`. */
  readonly name: string
  /** A few words for the list. */
  readonly about: string
  /** Loopback ports by purpose. Fixed and unusual, below those of outgoing connections and of the tests' own servers. */
  readonly ports: Readonly<Record<string, number>>
  /** Ports by which its own parts talk, and that nobody else needs. Empty where not given. */
  readonly innerPorts?: Readonly<Record<string, number>>
  readonly credentials: Readonly<Record<string, string>>
  /** Environment variables by which tests find it. */
  readonly environment: Readonly<Record<string, string>>
  /** Services it stands in front of: they come up before it and go down after it. */
  readonly needs: readonly string[]
  /** Whether it can be had on this machine. Changes nothing. */
  obtainable(): Obtainable
  /** Called when `obtainable` says `install`. Throws with what to do where it fails. */
  install(): void
  /**
   * Called when its ports are free. Makes what is missing in its folder, which stays from start to start, and answers
   * what to run in the foreground.
   */
  start(folder: string): Program
  /** Whether it takes connections. Called again and again after the start. */
  ready(folder: string): Promise<boolean>
  /** How it is asked to end, losing nothing. */
  readonly stop: NodeJS.Signals
}

export type Obtainable =
  | { readonly state: 'installed'; readonly version: string }
  /** `install` will get it. */
  | { readonly state: 'install'; readonly from: string }
  /** The sentence says why, and what to do. */
  | { readonly state: 'no'; readonly why: string }

/** A program and whom it runs as. */
export interface Program {
  readonly file: string
  readonly args: readonly string[]
  /** Beside PATH. */
  readonly env?: Readonly<Record<string, string>>
  /** As we do ourselves where it is not given. */
  readonly user?: { readonly uid: number; readonly gid: number }
}
