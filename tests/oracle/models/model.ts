import type { Case, Outcome } from '../case.ts'

/** Answers what becomes of a case with some differences from Camel, by their ids; null for cases it does not know. */
export type Model = (one: Case, differences: ReadonlySet<string>) => Outcome | null
