import type { Delivery, Incoming } from '../../connect/connector.ts'
import { ensureError, LinkspanError, type StoredError, storeError } from '../../model/errors.ts'
import type { Ending, Json } from '../../model/message.ts'
import type { CancelTimer } from '../../model/outside.ts'
import type { CellChange, StepResult } from '../../patterns/pattern.ts'
import { type Calls, type CallsOptions, createCalls } from '../calls/calls.ts'
import type { CellRecorder, Cells } from '../cells.ts'
import { entryText, sealEntries } from '../codec.ts'
import type { Committer } from '../committer.ts'
import type { CompiledFlow } from '../compile.ts'
import { identityOf } from '../former-names.ts'
import type { Entrance, Prepared } from '../intake.ts'
import { settled } from '../json.ts'
import type { LiveOptions } from '../live.ts'
import type { Loaded } from '../loaded.ts'
import { type Outward, outwardPorts } from '../outward-ports.ts'
import { unwrapFinal } from '../pass/failures.ts'
import { Interrupt, type InterruptReason, isInterrupt } from '../pass/interrupt.ts'
import { MessagePass, type PassPorts } from '../pass/pass.ts'
import { renamed } from '../record.ts'
import { movedHeaders } from '../taken-body.ts'
import { checkStart, checkTimeLimit, isSettling, limitOf, needsAnswer } from '../time-limit.ts'
import { sourceMessageId } from './identity.ts'
import { createSourceLanes } from './lanes.ts'
import { type KeptRecord, recordScope, type SourceRecord, type SourceRecords } from './source-records.ts'

/** The messages of one flow that lie in its source's log until they have ended. */
export interface SourceLog {
  /** How many run. */
  readonly active: number
  /** Takes messages on as there is room; rejects with `ENGINE_BUSY` when `signal` fires before. */
  take(messages: readonly TakenOn[], signal: AbortSignal): Promise<void>
  /** Starts nothing more, and resolves when what runs has ended, or the time is over. */
  rest(withinMs: number): Promise<void>
  /** After a rest, begins anew with nothing: the source delivers again what was not acknowledged. */
  open(): void
}

/** A message with how it is acknowledged. */
export interface TakenOn {
  readonly prepared: Prepared
  readonly incoming: Incoming
}

/** What running messages of source logs takes; the same for all flows of an engine. */
export interface SourceLogOptions extends Outward {
  readonly committer: Committer
  readonly records: SourceRecords
  readonly entrance: Entrance
  readonly fresh: LiveOptions['fresh']
  readonly cells: Pick<Cells, 'update' | 'list'>
  readonly publish: LiveOptions['publish']
  readonly calls: Omit<CallsOptions, 'save' | 'saved' | 'isOurs'>
}

/** A message on its way. */
interface Item {
  readonly identity: string
  readonly prepared: Prepared
  readonly key: string | null
  readonly bytes: number
  /** As it was delivered last. */
  delivery: Delivery
  loaded: Loaded
  readonly record: KeptRecord
  /** What keeps it from being run at all: its record cannot be read. */
  readonly unreadable: LinkspanError | null
  pass: MessagePass | null
  /** Something of it must not be done again, whatever its record says: its end comes on record. */
  mustEnd: boolean
  attempt: number
  cancelTimer: CancelTimer
}

const nothing = (): void => undefined

/** Takes on and runs the messages of one flow. */
export function createSourceLog(flow: CompiledFlow, options: SourceLogOptions): SourceLog {
  let present = createStretch(flow, options)
  return {
    get active() {
      return present.active
    },
    take: (messages, signal) => present.take(messages, signal),
    rest: (withinMs) => present.rest(withinMs),
    open() {
      if (present.isOver) present = createStretch(flow, options)
    },
  }
}

/** From when a source is started until it is stopped. What still runs after that has no say any more. */
interface Stretch extends Omit<SourceLog, 'open'> {
  readonly isOver: boolean
}

function createStretch(flow: CompiledFlow, options: SourceLogOptions): Stretch {
  const { clock, committer, events, records } = options
  const { definition } = flow.flow
  const { settings } = definition
  const flowIdentity = identityOf(definition)
  const scope = recordScope(flowIdentity)
  const items = new Map<string, Item>()
  const itemOf = new Map<Loaded['seq'], Item>()
  let places = 0
  let isOpen = true
  let isOver = false
  let rested = nothing
  let taking: Promise<unknown> = Promise.resolve()

  const of = (pass: MessagePass): Item => itemOf.get(pass.loaded.seq) as Item

  const isOurs = (pass: MessagePass): boolean => isStillOurs(of(pass))

  const isStillOurs = (item: Item): boolean => !isOver && item.delivery.isOurs()

  const calls: Calls = createCalls({
    ...options.calls,
    save: (pass) => save(pass),
    saved: (pass) => saved(pass),
    isOurs,
  })

  const save = (pass: MessagePass): void => {
    commitStaged(pass)
    of(pass).record.add(pass.walk.takeUnsaved().map(entryText))
  }

  const saved = (pass: MessagePass): Promise<void> => {
    save(pass)
    return committer.flush()
  }

  const commitStaged = (pass: MessagePass): void => {
    for (const commit of pass.staged.splice(0)) commit()
  }

  const take = async (messages: readonly TakenOn[], signal: AbortSignal): Promise<void> => {
    const left = messages.filter((each) => !rejoin(each))
    await lanes.room(signal)
    const before = await Promise.all(left.map(({ prepared }) => recordOf(identityIn(prepared))))
    if (signal.aborted || !isOpen) throw busy()
    left.forEach((each, at) => {
      enter(each, before[at] ?? null)
    })
  }

  /** One that is here still goes on, and is acknowledged as it was delivered now. */
  const rejoin = ({ prepared, incoming }: TakenOn): boolean => {
    const present = items.get(identityIn(prepared))
    if (present === undefined) return false
    present.delivery = deliveryOf(incoming)
    return true
  }

  const recordOf = async (identity: string): Promise<SourceRecord | LinkspanError | null> => {
    try {
      return await records.read(scope, identity)
    } catch (thrown) {
      const error = ensureError(thrown, 'RECORD_DAMAGED')
      if (error.code !== 'RECORD_DAMAGED') throw error
      return error
    }
  }

  const identityIn = ({ dedupeKey }: Prepared): string => {
    if (dedupeKey !== undefined) return dedupeKey
    throw new LinkspanError(
      'CONFIG_INVALID',
      `The source of the flow "${flow.name}" delivers a message without an identity, which durability: 'source' needs.`,
    )
  }

  const enter = ({ prepared, incoming }: TakenOn, before: SourceRecord | LinkspanError | null): void => {
    const identity = identityIn(prepared)
    // The same twice in one delivery.
    if (rejoin({ prepared, incoming })) return
    const known = before instanceof Error ? null : before
    if (known !== null && known.end !== null) {
      events.duplicate(flow.name)
      deliveryOf(incoming).settled()
      return
    }
    const at = known?.at ?? prepared.acceptedAt
    const item: Item = {
      identity,
      prepared,
      key: prepared.key,
      bytes: prepared.json.byteLength,
      delivery: deliveryOf(incoming),
      loaded: loadedOf(identity, prepared, known, at),
      record: records.open(scope, identity, known, at, clock.now() + settings.dedupeForMs),
      unreadable: before instanceof Error ? before : null,
      pass: null,
      mustEnd: false,
      attempt: 0,
      cancelTimer: nothing,
    }
    items.set(identity, item)
    itemOf.set(item.loaded.seq, item)
    lanes.enter(item)
  }

  const loadedOf = (
    identity: string,
    { key, headers, body }: Prepared,
    before: SourceRecord | null,
    at: number,
  ): Loaded => {
    places -= 1
    return {
      // Never written: what the budget of a connection tells callers apart by.
      seq: FIRST_PLACE + places,
      id: sourceMessageId(flowIdentity, identity),
      flow: flow.name,
      key,
      headers,
      acceptedAt: at,
      codeVersion: flow.codeVersion,
      body,
      parent: null,
      partition: 0,
      names: {},
      entries: renamed(before?.entries ?? [], flow.renamed),
      freshStarts: 0,
      interrupted: false,
      // Who had it before has lost it by now.
      since: clock.now(),
      awaitedBy: null,
      inSourceLog: true,
      nextFrame: 0,
      waits: false,
      holds: false,
    }
  }

  const start = (item: Item): void => {
    if (!isStillOurs(item)) {
      drop(item)
      return
    }
    const pass = new MessagePass(item.loaded, flow, ports)
    item.pass = pass
    try {
      if (item.unreadable !== null) throw item.unreadable
      checkStart(pass, clock.now())
      const result = pass.runWhole(flow.program)
      if (!(result instanceof Promise)) stopped(item, pass, result)
      else
        result.then(
          (stop) => stopped(item, pass, stop),
          (thrown: unknown) => threw(item, pass, thrown),
        )
    } catch (thrown) {
      threw(item, pass, thrown)
    }
  }

  const stopped = (item: Item, pass: MessagePass, stop: StepResult): void => {
    try {
      if (stop?.kind === 'suspend') {
        hold(item, pass, stop)
        return
      }
      pass.checkAllMet()
      end(item, pass, stop?.ending ?? 'done')
    } catch (thrown) {
      threw(item, pass, thrown)
    }
  }

  const threw = (item: Item, pass: MessagePass, thrown: unknown): void => {
    if (isInterrupt(thrown)) {
      interrupted(item, pass, thrown.reason)
      return
    }
    const error = pass.errorOf(unwrapFinal(thrown))
    move(item, pass, 'dead', error.message, storeError(error), pass.path)
  }

  const interrupted = (item: Item, pass: MessagePass, reason: InterruptReason): void => {
    if (reason.kind === 'suspend') hold(item, pass, reason)
    else if (reason.kind === 'doubt' || reason.kind === 'park')
      move(
        item,
        pass,
        reason.kind === 'doubt' ? 'inDoubt' : 'parked',
        reason.error.message,
        storeError(reason.error),
        reason.path,
      )
    else drop(item)
  }

  /** It waits in memory, and its key with it; what led there is on record. */
  const hold = (
    item: Item,
    pass: MessagePass,
    { wakeAt, why }: { readonly wakeAt: number; readonly why: string },
  ): void => {
    if (!isStillOurs(item)) {
      drop(item)
      return
    }
    save(pass)
    const limit = limitOf(item.loaded, flow)
    const at = limit === null || isSettling(pass) ? wakeAt : Math.min(wakeAt, limit + 1)
    if (why === 'retry') item.attempt += 1
    item.loaded = { ...item.loaded, entries: [...pass.recorded] }
    lanes.rest()
    item.cancelTimer = clock.timer(Math.max(0, at - clock.now()), () => {
      item.cancelTimer = nothing
      if (isOpen) lanes.ready(item)
    })
    tellRest()
  }

  const end = (item: Item, pass: MessagePass, ending: Ending): void => {
    if (!isStillOurs(item)) {
      drop(item)
      return
    }
    if (ending === 'dropped') pass.staged = []
    const isPlain = pass.walk.unsaved.every((entry) => entry.t === 'done' || entry.t === 'told')
    if (isPlain && !item.mustEnd && !item.record.isKept) {
      ended(item, ending)
      return
    }
    commitStaged(pass)
    item.record.end(ending)
    committer.after(() => ended(item, ending))
  }

  const ended = (item: Item, ending: Ending): void => {
    events.accepted(flow.name, false)
    events.ended(flow.name, ending, false, clock.now() - item.loaded.acceptedAt)
    item.delivery.settled()
    leave(item)
  }

  /** What a person has to look at goes into the journal with its record, and ends there. */
  const move = (
    item: Item,
    pass: MessagePass,
    ending: Ending,
    reason: string,
    error: StoredError,
    path: string,
  ): void => {
    if (!isStillOurs(item)) {
      drop(item)
      return
    }
    pass.staged = []
    pass.note({ t: 'end', at: clock.now(), ending, p: path, e: error })
    const entries = pass.recorded.filter(
      (entry) => entry.t !== 'staged' || !pass.walk.unsaved.includes(entry),
    )
    item.record.add(
      pass.walk
        .takeUnsaved()
        .filter((entry) => entries.includes(entry))
        .map(entryText),
    )
    item.record.end('moved')
    const { id, key, acceptedAt } = item.loaded
    const headers = movedHeaders(item.prepared.headers, id, item.identity)
    options.entrance.put({ ...item.prepared, headers, acceptedAt, dedupeKey: item.identity }, (at) => {
      // The journal has it since a time before: whoever moved it did not live to tell the source.
      if (at.duplicateOf !== null) {
        moved(item)
        return
      }
      const { seq } = at
      committer.settle({
        seq,
        ending,
        endedAt: clock.now(),
        attempt: item.attempt,
        frame: sealEntries(entries, seq, 0),
        n: 0,
        reason: reason.slice(0, 500),
      })
      committer.after(() => {
        options.fresh(seq, false)
        events.accepted(flow.name, false)
        events.ended(flow.name, ending, false, clock.now() - acceptedAt)
        events.attention(ending, { id, flow: flow.name, key, path, error })
        moved(item)
      })
    })
  }

  const moved = (item: Item): void => {
    item.delivery.settled()
    leave(item)
  }

  /** It is somebody else's, or will be delivered again. */
  const drop = (item: Item): void => leave(item)

  const leave = (item: Item): void => {
    items.delete(item.identity)
    itemOf.delete(item.loaded.seq)
    lanes.leave(item, true)
    tellRest()
  }

  const tellRest = (): void => {
    if (!isOpen && lanes.active === 0) rested()
  }

  const ports: PassPorts = {
    ...outwardPorts(options, flow.name),
    call(pass, request, input, state) {
      if (request.operation.guarantee.kind !== 'natural') of(pass).mustEnd = true
      const settles = state.open !== null && needsAnswer(request.operation, request.onUnknown)
      if (!settles) checkTimeLimit(pass, clock.now())
      if (!isOurs(pass)) throw new Interrupt({ kind: 'abandon' })
      return calls.call(pass, request, input, state)
    },
    update: <Result extends Json>(
      pass: MessagePass,
      path: string,
      cellScope: string,
      key: string,
      change: CellChange<Result>,
      beside?: object,
    ) => options.cells.update(cellScope, key, change, recorderOf<Result>(pass, path, beside !== undefined)),
    change: (_pass, at) => Promise.reject(notCarried(at)),
    cells: (_pass, cellScope, after, limit) => options.cells.list(cellScope, after, limit),
    endingOf: () => Promise.resolve(null),
    spawn: (_pass, { path }) => Promise.reject(notCarried(path)),
    outputs: (_pass, path) => {
      throw notCarried(path)
    },
    detach: (_pass, path) => {
      throw notCarried(path)
    },
    publish: (pass, path, channel, body, given) => {
      of(pass).mustEnd = true
      pass.staged.push(options.publish(pass, channel, body, given))
      pass.note({ t: 'staged', p: path, b: (settled(body) ?? null) as Json })
    },
    reply: nothing,
    sleeps: () => false,
    wake: (_pass, path) => Promise.reject(notCarried(path)),
    wakeHere: () => Promise.resolve(true),
  }

  const recorderOf = <Result extends Json>(
    pass: MessagePass,
    path: string,
    beside: boolean,
  ): CellRecorder<Result> => ({
    write(result) {
      pass.note(beside ? pass.besideEntry(path, clock.now(), result) : { t: 'value', p: path, v: result })
      pass.uncommitted = saved(pass)
      pass.uncommitted.catch(nothing)
    },
    // Only where several engines share the journal, which such flows do not run on.
    frame: () => null,
    kept: nothing,
  })

  const notCarried = (path: string): LinkspanError =>
    new LinkspanError(
      'STEP_FAILED',
      `The step "${path}" cannot be run for a message that lies in its source's log.`,
      { retry: 'never' },
    )

  const lanes = createSourceLanes<Item>(settings, (run) => clock.defer(run), start)

  return {
    get active() {
      return lanes.active
    },
    get isOver() {
      return isOver
    },
    take(messages, signal) {
      const turn = taking.then(() => take(messages, signal))
      taking = turn.catch(nothing)
      return turn
    },
    rest(withinMs) {
      isOpen = false
      lanes.close()
      for (const item of items.values()) item.cancelTimer()
      return new Promise((resolve) => {
        const over = (): void => {
          isOver = true
          cancel()
          resolve()
        }
        const cancel = clock.timer(withinMs, over)
        rested = over
        tellRest()
      })
    },
  }
}

/** Below the numbers that sources make their own requests under. */
const FIRST_PLACE = -1_000_000_000

function deliveryOf({ delivery }: Incoming): Delivery {
  if (delivery !== undefined) return delivery
  throw new LinkspanError(
    'CONFIG_INVALID',
    "A source hands in a message without `delivery`, which durability: 'source' needs.",
  )
}

function busy(): LinkspanError {
  return new LinkspanError('ENGINE_BUSY', 'The source is being stopped.', { retry: { afterMs: 1_000 } })
}
