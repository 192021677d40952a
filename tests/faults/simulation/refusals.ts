/** What says that nothing was done, and that it may be tried again. */
export const REFUSALS: ReadonlySet<string> = new Set([
  'ENGINE_BUSY',
  'ENGINE_STATE',
  'JOURNAL_FULL',
  'JOURNAL_UNREACHABLE',
])

/** What an engine says that has to go while its journal does not answer: the message may be accepted or not. */
export const UNKNOWN = 'ACCEPTANCE_UNKNOWN'

/** What an engine says that others took over from: what it had under way may be durable or not. */
export const TAKEN_OVER: ReadonlySet<string> = new Set(['JOURNAL_TAKEN_OVER', 'JOURNAL_CLOSED', UNKNOWN])
