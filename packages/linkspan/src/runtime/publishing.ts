import type { Incoming } from '../connect/connector.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Subscribers } from './channels.ts'
import type { Entrance, Taker } from './intake.ts'
import type { LiveOptions } from './live.ts'
import type { MessagePass } from './pass/pass.ts'

/** What putting messages on channels takes. */
export interface PublishingOptions {
  readonly subscribers: Subscribers
  readonly takers: ReadonlyMap<string, Taker>
  readonly entrance: Entrance
}

/** Puts messages on channels: a copy is prepared for each subscriber at once, and calling the answer accepts them all. */
export function createPublishing({
  subscribers,
  takers,
  entrance,
}: PublishingOptions): LiveOptions['publish'] {
  const prepare = (name: string, incoming: Incoming, key: string | null): (() => void) => {
    const made = entrance.prepare(takers.get(name) as Taker, incoming, key ?? undefined)
    if (!(made instanceof Promise)) return () => entrance.add(made)
    throw new LinkspanError(
      'STEP_ASYNC',
      `The schema of the channel that the flow "${name}" consumes answers later. Schemas of channels are synchronous.`,
    )
  }
  return (pass: MessagePass, channel, body, { key, headers }) => {
    const cause = { 'linkspan-cause': pass.loaded.id }
    const incoming = { body, headers: { ...headers, ...cause }, acceptedAt: pass.ports.now() }
    const copies = (subscribers.get(channel) ?? []).map((name) => prepare(name, incoming, key))
    return () => {
      for (const accept of copies) accept()
    }
  }
}
