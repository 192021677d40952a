/** A stream that the command line writes to. */
export interface OutputStream {
  write(text: string): void
  readonly isTTY: boolean
  /** The width in characters; undefined when it is no terminal. */
  readonly columns: number | undefined
}

/** A signal that asks the process to stop. */
export type StopSignal = 'SIGINT' | 'SIGTERM'

/** The process that supervises this one, when `linkspan dev` started it. */
export interface Supervisor {
  send(message: unknown): void
  /** Called once when the supervisor says `stop` or is gone. */
  onStop(stop: () => void): void
  /** Lets go of it, so that this process can end. */
  end(): void
}

/** The world around the command line, handed in so that tests can put their own in its place. */
export interface Terminal {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly stdin: { readonly isTTY: boolean; readAll(): Promise<string> }
  readonly env: Readonly<Record<string, string | undefined>>
  /** The working directory. */
  readonly directory: string
  /** Milliseconds since 1970. */
  now(): number
  sleep(ms: number): Promise<void>
  /** Calls `handle` for each stop signal, until the answered function is called. */
  onStopSignal(handle: (signal: StopSignal) => void): () => void
  /** Asks yes or no; only when both ends are a terminal. */
  confirm(question: string): Promise<boolean>
  isAlive(pid: number): boolean
  readonly supervisor: Supervisor | null
  /** The version of Node without `v`, and where it lies. */
  readonly node: { readonly version: string; readonly path: string }
}
