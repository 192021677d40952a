import { incompleteError } from '../transfer-errors.ts'
import type { World } from './world.ts'

/** A simulated journal, as errors name it. */
export const PLACE = 'the simulated journal'

/** A copy of another journal that did not come to its end: what is there of it, and of what. */
export interface Copying {
  readonly world: World
  readonly journal: string
  readonly version: string
}

/** Refuses to open what is no journal yet. */
export function refuseCopying(copying: Copying | null): void {
  if (copying !== null) throw incompleteError(PLACE)
}
