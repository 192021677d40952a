import type { MessageReader, StoredMessage } from '../journal/journal.ts'
import { LinkspanError, storeError } from '../model/errors.ts'
import type { MessageSummary } from '../model/message.ts'
import type { Clock } from '../model/outside.ts'
import type { Committer } from './committer.ts'
import type { Live } from './live.ts'
import { wrongState } from './message-state.ts'
import type { FlowQueue } from './queue/flow-queue.ts'
import type { Entry } from './record.ts'
import type { Act } from './requests.ts'
import { findMessage, messageAt } from './selection.ts'
import { summaryOf } from './summary.ts'
import type { Turns } from './turns.ts'

/** Ends live messages of this engine's partitions because a person says so. */
export interface PuttingAside {
  /** The place of the message that an act is about. */
  target(act: Act): Promise<number>
  /** Does it; what was done to the message since then is taken for the act itself, as it may be carried out twice. */
  perform(act: Act, seq: number, since: number): Promise<MessageSummary>
}

/** What ending takes. */
export interface PuttingAsideOptions {
  readonly clock: Clock
  readonly committer: Committer
  readonly live: Live
  readonly queues: ReadonlyMap<string, FlowQueue>
  readonly owned: ReadonlySet<number>
  readonly messages: MessageReader
  /** The turns of the messages, by their places. */
  readonly inTurn: Turns
  /** The name that this engine knows a flow by. */
  readonly presentName: (identity: string) => string
}

/** How long a cancellation waits for a running message, and how often it looks. */
const REST_WITHIN_MS = 5_000
const REST_POLL_MS = 20

/** Makes what ends messages on this engine. */
export function createPuttingAside(options: PuttingAsideOptions): PuttingAside {
  const { clock, committer, live, queues, owned, messages, inTurn, presentName } = options

  /** Resolves by what is handed in, after its commit; rejects when the journal fails before that. */
  const durable = (handIn: (then: () => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      handIn(resolve)
      committer.flush().catch(reject)
    })

  /** Ends a message that is live and does not run. */
  const putAside = (
    stored: StoredMessage,
    ending: 'dead' | 'dropped',
    entries: readonly Entry[],
    note: string,
  ): Promise<void> => {
    if (!owned.has(stored.partition)) throw moved(stored)
    const release = queues.get(stored.flow)?.withdraw(stored.seq)
    return durable((resolve) =>
      live.endStored(stored, ending, entries, note, () => {
        release?.()
        resolve()
      }),
    )
  }

  /** Resolves when a message no longer runs (true), or when too much time has passed (false). */
  const comesToRest = async (seq: number, deadline: number): Promise<boolean> => {
    while (live.runs(seq)) {
      if (clock.monotonic() >= deadline) return false
      await new Promise<void>((resolve) => clock.timer(REST_POLL_MS, resolve))
    }
    return true
  }

  const load = (seq: number): Promise<StoredMessage> => messageAt(messages, seq)

  const cancel = async (seq: number, note: string, since: number): Promise<MessageSummary> => {
    const deadline = clock.monotonic() + REST_WITHIN_MS
    // A pass that was about to suspend when it was asked lies in the journal then, and is put aside there.
    for (let asked = false; ; asked = true) {
      const { stored, ended } = await inTurn(String(seq), () =>
        cancelAtRest(seq, note, asked ? 0 : since, asked),
      )
      if (ended) return summaryOf(stored, false)
      if (!(await comesToRest(seq, deadline))) return summaryOf(stored, true)
    }
  }

  /** Ends a message that does not run, and asks one that does to end. */
  const cancelAtRest = async (
    seq: number,
    note: string,
    since: number,
    asked: boolean,
  ): Promise<{ readonly stored: StoredMessage; readonly ended: boolean }> => {
    const stored = await load(seq)
    if (wasEnded(stored, 'dropped', since)) return { stored, ended: true }
    if (stored.ending)
      throw wrongState(
        stored,
        asked ? 'It ended before it could be cancelled.' : 'Only a live message can be cancelled.',
      )
    if (live.cancel(seq, note)) return { stored, ended: false }
    await putAside(stored, 'dropped', [{ t: 'note', at: clock.now(), what: 'cancelled', note }], note)
    return { stored: await load(seq), ended: true }
  }

  const skip = async (seq: number, note: string, since: number): Promise<MessageSummary> => {
    const stored = await load(seq)
    if (wasEnded(stored, 'dead', since)) return summaryOf(stored, false)
    if (stored.ending) throw wrongState(stored, 'Its key has moved on already.')
    // One that was taken up when its time had passed runs under the wait that it had: nothing was written since.
    if (!stored.wait || stored.wait.reason === 'ready' || live.runs(seq))
      throw wrongState(stored, 'It is running just now. Look again in a moment, or cancel it.')
    const error = storeError(
      new LinkspanError('MESSAGE_CANCELLED', `Put aside by a person so that its key moves on: ${note}`),
    )
    const at = clock.now()
    const entries: readonly Entry[] = [
      { t: 'note', at, what: 'skipped', note },
      { t: 'end', at, ending: 'dead', p: '', e: error },
    ]
    await putAside(stored, 'dead', entries, note)
    return summaryOf(await load(seq), false)
  }

  return {
    async target(act) {
      if (act.what === 'cancel') return (await findMessage(messages, act.id)).seq
      const flow = presentName(act.identity)
      const seq = queues.get(flow)?.holder(act.key)
      if (seq !== null && seq !== undefined) return seq
      throw new LinkspanError(
        'MESSAGE_UNKNOWN',
        `No message holds the key "${act.key}" of the flow "${flow}". See linkspan keys list.`,
      )
    },
    perform: (act, seq, since) =>
      act.what === 'cancel'
        ? cancel(seq, act.note, since)
        : inTurn(String(seq), () => skip(seq, act.note, since)),
  }
}

/** Whether the act took effect before, and the engine that did it could not say so any more. */
function wasEnded({ ending }: StoredMessage, how: 'dead' | 'dropped', since: number): boolean {
  return ending?.ending === how && ending.endedAt >= since
}

function moved({ id }: StoredMessage): LinkspanError {
  return new LinkspanError(
    'ENGINE_BUSY',
    `The message ${id} went to another engine of the cluster just now. Ask again.`,
    { retry: { afterMs: 1_000 } },
  )
}
