import type { ErrorCode } from '../model/errors.ts'
import type { Ending } from '../model/message.ts'
import type { LogLevel } from '../patterns/pattern.ts'
import type { EndedEvent } from './engine-api.ts'

/** What happens in an engine, told once it is committed: counted by metrics, shown by status, handed to hooks. */
export interface Events {
  accepted(flow: string, child: boolean): void
  /** A message that had been accepted before. */
  duplicate(flow: string): void
  /** A message from outside that was not accepted. */
  refused(flow: string, code: ErrorCode): void
  ended(flow: string, ending: Ending, child: boolean, ageMs: number): void
  /** A live message again: redelivered, or its doubt resolved. */
  revived(flow: string, ending: Ending, child: boolean): void
  attempt(flow: string, path: string, outcome: 'done' | 'failed' | 'unknown', ms: number): void
  ignored(flow: string, path: string): void
  /** A step did something beside its work, such as opening its circuit; logged where there is a level. */
  told(flow: string, path: string, event: string, level: LogLevel | null): void
  standsAt(flow: string, path: string, state: string): void
  /** A message ended in a way that a person should look at. */
  attention(ending: Ending, event: EndedEvent): void
  committed(size: number, ms: number): void
}
