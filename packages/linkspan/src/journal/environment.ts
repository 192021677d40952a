import type { Clock, Logger } from '../model/outside.ts'

/** What `JournalFactory.open` is given. */
export interface JournalEnvironment {
  readonly clock: Clock
  /**
   * What the machine's clock shows, where `clock` goes by the journal's own once that is known: by this a journal tells
   * how wrong the machine's is. @default what `clock` shows
   */
  readonly wall?: () => number
  readonly logger: Logger
  /** The folder that relative paths start from. */
  readonly directory: string
  /** The code version of each flow that the engine has, by name; what it shows to the others. */
  readonly flows?: ReadonlyMap<string, string>
  /** The present name of each name that one of these flows had before: under any of them it is the same flow. */
  readonly formerNames?: ReadonlyMap<string, string>
}
