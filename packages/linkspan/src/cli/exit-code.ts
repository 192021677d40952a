/** What the process answers to whoever called it. */
export type ExitCode = 0 | 1 | 2 | 3

/** It was done, and the answer is yes. */
export const OK: ExitCode = 0
/** It was done, and the answer is no: not found, refused, differences, damage. */
export const NEGATIVE: ExitCode = 1
/** The command was used wrongly; nothing was done. */
export const WRONG_USE: ExitCode = 2
/** The project, the engine or the journal cannot be reached or opened. */
export const UNREACHABLE: ExitCode = 3
