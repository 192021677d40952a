import type { Json } from '../../model/message.ts'
import { turnPlace } from '../../model/step-place.ts'
import type { Pass } from '../pattern.ts'
import { raised } from './event-cell.ts'

/** An event that is raised for a key. */
export interface RaisedEvent {
  readonly scope: string
  readonly key: string
  readonly value: Json
  readonly keepMs: number
}

/** Puts an event where those who wait find it, once, and wakes them. */
export async function raiseEvent(
  pass: Pass,
  path: string,
  { scope, key, value, keepMs }: RaisedEvent,
): Promise<void> {
  const sleepers = await pass.update(path, scope, key, raised(value, keepMs))
  for (const [at, sleeper] of sleepers.entries()) await pass.wake(turnPlace(path, at + 1), sleeper)
}
