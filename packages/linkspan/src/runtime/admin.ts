import type { StoredMessage, Wait } from '../journal/journal.ts'
import { ensureError, isLinkspanError, LinkspanError, storeError } from '../model/errors.ts'
import type { Json, MessageSummary } from '../model/message.ts'
import type { Admin, AdminReader, BulkOutcome, RedeliverOptions, Selection } from './admin-api.ts'
import { sealEntries } from './codec.ts'
import type { ControlBus } from './control-bus.ts'
import { againCursor } from './follow-others.ts'
import { type FlowNames, identityOf } from './former-names.ts'
import { partitionOf } from './homes.ts'
import type { Taker } from './intake.ts'
import { readyWait } from './live.ts'
import { recordOf } from './loaded.ts'
import { wrongState } from './message-state.ts'
import { pausedCursor, pausedValue, setPaused } from './paused.ts'
import type { FlowQueue } from './queue/flow-queue.ts'
import type { Entry } from './record.ts'
import type { Act } from './requests.ts'
import type { RuntimeParts } from './runtime-parts.ts'
import { findMessage, selected } from './selection.ts'

const DEFAULT_PER_SECOND = 100
const PAUSE_TOKEN = 8

/** Administration of a running engine. */
export function createAdmin(reader: AdminReader, parts: RuntimeParts, control: ControlBus): Admin {
  const { committer, journal, live, takers, sources, events, owned, acting, aside, requests, foreign } = parts
  const { outside } = parts
  const { clock } = outside
  const { messages, history } = journal

  const takerOf = (flow: string): Taker => {
    const taker = takers.get(flow)
    if (taker) return taker
    throw noSuchFlow(flow, [...takers.keys()], foreign.names)
  }

  /** The names that what is kept of a flow may lie under, be it a flow of this engine or of others alone. */
  const identitiesOf = (flow: string): readonly string[] => {
    const elsewhere = takers.has(flow) ? [] : foreign.identitiesOf(flow)
    return elsewhere.length > 0 ? elsewhere : [identityOf(takerOf(flow).flow.flow.definition)]
  }

  /** Lets all engines know, in one commit. */
  const leavePaused = async (identities: readonly string[], paused: boolean): Promise<void> => {
    const value = pausedValue(paused, outside.random.token(PAUSE_TOKEN))
    const written = identities.map((identity) => {
      const name = pausedCursor({ name: identity, renamedFrom: [] })
      return new Promise<void>((resolve, reject) => committer.cursor({ name, value }, resolve, reject))
    })
    await Promise.all(written)
  }

  const pauseOrResume = async (flow: string, paused: boolean): Promise<void> => {
    const identities = identitiesOf(flow)
    const taker = takers.get(flow)
    // Those that have it hear of it as they do of what is paused at another one that has it.
    if (taker === undefined) return leavePaused(identities, paused)
    const before = taker.queue.paused
    await setPaused(taker, sources.get(flow), paused)
    try {
      await leavePaused(identities, paused)
    } catch (error) {
      // What the others never hear of must not be so here.
      await setPaused(taker, sources.get(flow), before)
      throw error
    }
  }

  /** Resolves by what is handed in, after its commit; rejects when the journal fails before that. */
  const durable = (handIn: (then: () => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      handIn(resolve)
      committer.flush().catch(reject)
    })

  /** Makes an ended message live again, with what is new on its record. */
  const revive = (stored: StoredMessage, entry: Entry, then: (wait: Wait) => void): void => {
    const { seq, nextFrame } = stored
    const wait = readyWait(stored, 0, null)
    committer.record({ seq, n: nextFrame, frame: sealEntries([entry], seq, nextFrame) })
    committer.revive(wait)
    committer.after(() => {
      if (stored.ending) events.revived(stored.flow, stored.ending.ending, stored.parent !== null)
      then(wait)
    })
  }

  /** Where messages of a flow have their place, which may be there at other engines alone. */
  const placeOf = (flow: string): { readonly queue: FlowQueue; readonly names: FlowNames } => {
    const elsewhere = takers.has(flow) ? undefined : foreign.queueOf(flow)
    if (elsewhere) return { queue: elsewhere, names: { name: flow, renamedFrom: [] } }
    const { queue, flow: compiled } = takerOf(flow)
    return { queue, names: compiled.flow.definition }
  }

  const sendAgain = (stored: StoredMessage, entry: Entry): Promise<void> =>
    durable((resolve) => {
      const { queue, names } = placeOf(stored.flow)
      const { partition } = stored
      const isHere = owned.has(partition)
      if (!isHere) committer.cursor({ name: againCursor(names), value: outside.random.token(12) })
      revive(stored, entry, ({ seq, key }) => {
        const bytes = stored.body?.byteLength ?? 0
        if (isHere)
          queue.revived({ seq, key, partition, parent: null, bytes, loaded: null, wakeAt: null, attempt: 0 })
        resolve()
      })
    })

  const redeliverOne = (seen: StoredMessage, { fresh = false, note }: RedeliverOptions): Promise<void> => {
    refuseRedelivery(seen, fresh)
    return acting.onEnded(seen, (stored) =>
      sendAgain(stored, { t: 'redelivered', at: clock.now(), fresh, note }),
    )
  }

  const dropOne = (seen: StoredMessage, note: string): Promise<void> => {
    const ending = seen.ending?.ending
    if (ending !== 'dead' && ending !== 'inDoubt' && ending !== 'parked')
      throw wrongState(
        seen,
        'Only dead letters, doubts and parked messages can be dropped; cancel a live one.',
      )
    return acting.onEnded(seen, async (stored) => {
      const entry: Entry = { t: 'note', at: clock.now(), what: 'dropped', note }
      const { seq, nextFrame: n, flow, parent } = stored
      committer.record({ seq, n, frame: sealEntries([entry], seq, n) })
      await durable((resolve) =>
        live.endStored({ ...stored, nextFrame: n + 1 }, 'dropped', [], note, resolve),
      )
      events.revived(flow, ending, parent !== null)
    })
  }

  const bulk = async (
    selection: Selection,
    perSecond: number,
    act: (stored: StoredMessage) => Promise<void>,
    progress: RedeliverOptions['progress'],
  ): Promise<BulkOutcome> => {
    const refused: { id: string; error: ReturnType<typeof storeError> }[] = []
    let done = 0
    const began = clock.monotonic()
    for await (const stored of selected(selection, { messages, history })) {
      const due = began + ((done + refused.length) * 1_000) / perSecond
      if (due > clock.monotonic())
        await new Promise<void>((resolve) => clock.timer(due - clock.monotonic(), resolve))
      try {
        await act(stored)
        done += 1
      } catch (error) {
        refused.push({ id: stored.id, error: storeError(ensureError(error)) })
      }
      progress?.(done + refused.length, 'ids' in selection ? selection.ids.length : done + refused.length)
    }
    return { done, refused }
  }

  /** The engine that runs a message is the one that can stop it. */
  const actAt = async (partition: number, act: Act): Promise<MessageSummary> =>
    owned.has(partition)
      ? aside.perform(act, await aside.target(act), clock.now() + 1)
      : requests.ask(partition, act)

  return {
    ...reader,
    pause: (flow) => pauseOrResume(flow, true),
    resume: (flow) => pauseOrResume(flow, false),
    async cancel(id, note) {
      const stored = await findMessage(messages, id)
      if (stored.ending) throw wrongState(stored, 'Only a live message can be cancelled.')
      return actAt(stored.partition, { what: 'cancel', id, note })
    },
    skipKey: (flow, key, note) =>
      firstThatHolds(identitiesOf(flow), (identity) => {
        const partition = partitionOf(identity, key, journal.ownership.partitions)
        return actAt(partition, { what: 'skipKey', identity, key, note })
      }),
    redeliver: (selection, options) =>
      bulk(
        selection,
        options.perSecond ?? DEFAULT_PER_SECOND,
        (stored) => redeliverOne(stored, options),
        options.progress,
      ),
    drop: (selection, note) =>
      bulk(selection, Number.MAX_SAFE_INTEGER, (stored) => dropOne(stored, note), undefined),
    async resolve(id, applied, { result, note }) {
      const seen = await findMessage(messages, id)
      if (seen.ending?.ending !== 'inDoubt')
        throw wrongState(seen, 'Only a message in doubt can be resolved.')
      refuseDamaged(seen)
      await acting.onEnded(seen, (stored) =>
        sendAgain(stored, {
          t: 'resolved',
          p: doubtPath(stored),
          at: clock.now(),
          applied,
          note,
          ...answerOf(result),
        }),
      )
    },
    raise: control.raise,
    async completeGroups(flow, step, key) {
      const others = takers.has(flow) ? [] : foreign.whoHas(flow)
      // Where the groups of a step lie is known to engines that have it alone.
      if (others.length > 0) throw askOthers(flow, others)
      return control.completeGroups(flow, step, key)
    },
    backup: (path, progress) => history.backup(path, progress),
  }
}

/** Under which of its names a flow that was renamed holds a key, an engine that lacks it cannot tell. */
async function firstThatHolds(
  identities: readonly string[],
  skip: (identity: string) => Promise<MessageSummary>,
): Promise<MessageSummary> {
  const [first, ...others] = identities
  try {
    return await skip(first as string)
  } catch (error) {
    if (others.length === 0 || !isLinkspanError(error, 'MESSAGE_UNKNOWN')) throw error
    return firstThatHolds(others, skip)
  }
}

function noSuchFlow(flow: string, here: readonly string[], elsewhere: readonly string[]): LinkspanError {
  const there = elsewhere.length === 0 ? '' : ` Other engines of the cluster have: ${elsewhere.join(', ')}.`
  return new LinkspanError(
    'FLOW_UNKNOWN',
    `There is no flow "${flow}". The project has: ${here.join(', ') || 'none'}.${there}`,
    { details: { flow } },
  )
}

function askOthers(flow: string, engines: readonly string[]): LinkspanError {
  return new LinkspanError(
    'FLOW_UNKNOWN',
    `This engine does not have the flow "${flow}". Ask one of the cluster that has it: ${engines.join(', ')}.`,
    { details: { flow, engines } },
  )
}

function answerOf(result: Json | undefined): { readonly r?: Json } {
  return result === undefined ? {} : { r: result }
}

function doubtPath(stored: StoredMessage): string {
  const end = recordOf(stored).findLast((entry) => entry.t === 'end' && entry.ending === 'inDoubt') as
    | { p: string }
    | undefined
  return end?.p ?? ''
}

function refuseRedelivery(stored: StoredMessage, fresh: boolean): void {
  const ending = stored.ending?.ending
  if (ending === undefined) throw wrongState(stored, 'It is on its way already.')
  refuseDamaged(stored)
  if (fresh) return
  if (ending === 'inDoubt')
    throw wrongState(
      stored,
      'Say first whether its call was applied (linkspan doubt resolve), or redeliver it afresh, which may repeat the call.',
    )
  if (ending === 'done' || ending === 'filtered')
    throw wrongState(
      stored,
      'Everything it does is on record, so it would do nothing. Redeliver it afresh to do it all again.',
    )
}

/** What it did is not known for certain, so running it on could do something twice. */
function refuseDamaged({ id, damaged }: StoredMessage): void {
  if (damaged === undefined) return
  throw new LinkspanError(
    'RECORD_DAMAGED',
    `Part of the message ${id} cannot be trusted: ${damaged}. Send what it stands for afresh, and drop it.`,
    { details: { id, damaged } },
  )
}
