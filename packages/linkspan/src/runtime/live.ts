import type { MessageReader, StoredMessage, Wait } from '../journal/journal.ts'
import { ensureError, isLinkspanError, LinkspanError, type StoredError, storeError } from '../model/errors.ts'
import type { Ending, Headers, Json } from '../model/message.ts'
import type { Clock, Logger, Random } from '../model/outside.ts'
import { renamedPlace } from '../model/step-place.ts'
import type {
  CallRequest,
  CellChange,
  Program,
  Sleeper,
  SpawnOutcome,
  SpawnPlan,
  StepResult,
} from '../patterns/pattern.ts'
import { batchedLoad } from './batched-load.ts'
import type { CallState } from './calls/call-state.ts'
import type { Calls } from './calls/calls.ts'
import type { CellRecorder, Cells } from './cells.ts'
import { type Children, type Group, loadedChild, newChild, wakingMessage } from './children.ts'
import { entryText, sealEntries, sealEntryTexts } from './codec.ts'
import type { Committer } from './committer.ts'
import { type CompiledFlow, entryAt, WAKING } from './compile.ts'
import { type HookEnd, hookBody } from './completion-hooks.ts'
import type { Events } from './events.ts'
import { identityOf } from './former-names.ts'
import { settled } from './json.ts'
import { createLendingOut, type Unfit } from './lending-out.ts'
import { type Bound, bodyOf, type Loaded, recordOf, toLoaded, waitOf } from './loaded.ts'
import type { Loans } from './loans.ts'
import { outwardPorts } from './outward-ports.ts'
import { unwrapFinal } from './pass/failures.ts'
import { Interrupt, type InterruptReason, isInterrupt } from './pass/interrupt.ts'
import { MessagePass, type PassPorts } from './pass/pass.ts'
import type { PassEnd, Slot, Work } from './queue/work.ts'
import { recordedOutputs } from './recompute.ts'
import { type Entry, namesMadeAt, renamed, timeOfChildrenAt } from './record.ts'
import type { Replies } from './replies.ts'
import { createRoster } from './roster.ts'
import { checkFit, movedIdentityOf, taken } from './taken-body.ts'
import { checkStart, checkTimeLimit, isSettling, limitOf, needsAnswer } from './time-limit.ts'

/** What running messages takes. */
export interface LiveOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly committer: Committer
  readonly messages: MessageReader
  readonly cells: Cells
  readonly replies: Replies
  readonly events: Events
  readonly calls: Calls
  readonly children: Children
  readonly flows: ReadonlyMap<string, CompiledFlow>
  /** Puts a message on a channel: prepared now, committed by calling the answer. */
  readonly publish: (
    pass: MessagePass,
    channel: string,
    body: unknown,
    options: { readonly key: string | null; readonly headers: Headers },
  ) => () => void
  /** What is on record of a message of a flow that lay in its source's log, by its identity there. */
  readonly sourceRecord: (
    flowIdentity: string,
    identity: string,
  ) => Promise<{ readonly entries: readonly Entry[] } | null>
  /** Puts a committed child that nobody waits for on its way. */
  readonly startChild: (child: Loaded, bytes: number, parent: number | null) => void
  /** Whether an engine which died may have begun with a message that has nothing on record. */
  readonly begunBefore: (stored: StoredMessage) => boolean
  /** A wait of a flow's message was put for a time. */
  readonly due: (flow: string, at: number) => void
  /** A message without a wait runs (true), or has ended or been given one (false). */
  readonly fresh: (seq: number, runs: boolean) => void
  /** Lending to engines of other code versions; null where no others share the journal. */
  readonly loans: Loans | null
  /** Whether this engine runs what lies in a partition, but for what it borrows. */
  readonly owns: (partition: number) => boolean
}

/** Runs messages: loads them, runs their pass, and commits how it ended. */
export interface Live {
  execute(flow: string, work: Work, slot: Slot, ended: (end: PassEnd) => void): void
  /** Hands what a pass has on record to the next commit. */
  save(pass: MessagePass): void
  /** The same, and resolves after the commit. */
  saved(pass: MessagePass): Promise<void>
  /** Asks a running pass to end at its next step; false when it does not run. */
  cancel(seq: number, note: string): boolean
  /** Whether a message runs now. */
  runs(seq: number): boolean
  /** Ends a message that does not run. */
  endStored(
    stored: StoredMessage,
    ending: Ending,
    entries: readonly Entry[],
    reason: string,
    then: () => void,
  ): void
}

interface Running {
  /** Set once it is suspended and that is handed in. */
  wait: Wait | null
  /** It was woken while it ran. */
  woken: boolean
  readonly work: Work
  readonly pass: MessagePass
  readonly slot: Slot
  readonly ended: (end: PassEnd) => void
  /** Its place among those that run. */
  place: number
}

/** A message that was loaded. */
interface Found {
  readonly stored: StoredMessage
  readonly loaded: Loaded
  /** Set when this engine cannot run it. */
  readonly misfit: Misfit | null
}

type Misfit = Pick<Unfit, 'identity' | 'codeVersion' | 'error'>

/** A message that is being loaded. */
interface Coming {
  readonly seq: number
  cancelled: string | null
}

const LOAD_AGAIN_MS = 1_000

/** What a message that has no parent has of one. */
const ALONE = { names: {}, until: undefined, interrupted: false } as const

/** Makes the runner of one engine. */
export function createLive(options: LiveOptions): Live {
  const { clock, committer, events, loans } = options
  const running = createRoster<Running>()
  const arriving = createRoster<Coming>()
  /** Those of them that another engine runs, or is asked to run. */
  const away = new Set<number>()
  const portsOf = new Map<CompiledFlow, PassPorts>()
  const loadOne = batchedLoad(options.messages, clock)
  const lendingOut = createLendingOut({
    clock,
    committer,
    messages: options.messages,
    loans,
    owns: options.owns,
    children: options.children,
    endStored: (...args) => endStored(...args),
  })

  const runOf = (seq: number): Running | undefined => running.find(({ pass }) => pass.loaded.seq === seq)

  /** What takes note that a message is to end: its pass, or what becomes of it when it is loaded. */
  const cancellable = (seq: number): { cancelled: string | null } | undefined =>
    runOf(seq)?.pass ?? arriving.find((coming) => coming.seq === seq)

  const execute: Live['execute'] = (flow, work, slot, ended) => {
    if (work.loaded) run(work, work.loaded, slot, ended, null)
    else loadAndRun(flow, work, slot, ended)
  }

  /** A message that is being loaded runs already as far as others are concerned: it can be asked to end. */
  const loadAndRun: Live['execute'] = (flow, work, slot, ended) => {
    const coming: Coming = { seq: work.seq, cancelled: null }
    const place = arriving.join(coming)
    const left = (end: PassEnd): void => {
      away.delete(work.seq)
      arriving.leave(place)
      ended(end)
    }
    const attempt = (): void => {
      away.delete(work.seq)
      load(work).then((found) => {
        if (found === null) left({ kind: 'ended' })
        else if (found.misfit) refuse(found, found.misfit)
        else {
          arriving.leave(place)
          run(work, found.loaded, slot, ended, coming.cancelled)
        }
      }, failed)
    }
    const refuse = ({ loaded, stored }: Found, { error, identity, codeVersion }: Misfit): void => {
      const cancelled = (): string | null => coming.cancelled
      const refused = { work, slot, loaded, identity, codeVersion, error, path: '', cancelled, left }
      away.add(work.seq)
      lendingOut.handOn(
        refused,
        () => void endDamaged(stored, 'parked', error).then(() => left({ kind: 'ended' })),
      )
    }
    const failed = (error: unknown): void => {
      options.logger.log('error', 'message.load', { seq: work.seq, error: String(error) })
      if (isLinkspanError(error, 'JOURNAL_DAMAGED'))
        endUnreadable(flow, work, error, () => left({ kind: 'ended' }))
      else clock.timer(LOAD_AGAIN_MS, attempt)
    }
    if (work.borrowed || !loans?.isOut(work.seq)) {
      attempt()
      return
    }
    const lent = { seq: work.seq, tried: new Map<string, string>(), cancelled: () => coming.cancelled }
    away.add(work.seq)
    // It runs here, beside the queue: the slot that its place has is for its children, who run on the queue.
    const isHere = loans.isLentToOwner(work.seq)
    if (isHere) slot.release()
    lendingOut.whenBack(work, loans.comesBack(lent), (end) => {
      if (end !== null) left(end)
      else if (isHere) void slot.regain().then(attempt)
      else attempt()
    })
  }

  /** The record does not fit the flow as it is here. */
  const unfit = (run: Running, { path, error }: Extract<InterruptReason, { kind: 'park' }>): void => {
    const { pass, work, slot } = run
    const { loaded, flow } = pass
    const isBack = (): boolean => away.delete(loaded.seq)
    away.add(loaded.seq)
    lendingOut.handOn(
      {
        work,
        slot,
        loaded,
        identity: identityOf(flow.flow.definition),
        codeVersion: flow.codeVersion,
        error,
        path,
        cancelled: () => pass.cancelled,
        left: (end) => {
          isBack()
          left(run, end)
        },
      },
      () => {
        isBack()
        settle(run, 'parked', error.message, storeError(error), path)
      },
    )
  }

  /** A message that the journal holds and cannot read is a dead letter, so that its key goes on without it. */
  const endUnreadable = (flow: string, work: Work, error: LinkspanError, then: () => void): void => {
    const { seq, key, parent, attempt } = work
    const reason = error.message.slice(0, 500)
    committer.settle({ seq, ending: 'dead', endedAt: clock.now(), attempt, frame: null, n: 0, reason })
    committer.after(() => {
      options.fresh(seq, false)
      events.ended(flow, 'dead', parent !== null, 0)
      if (parent !== null) options.children.ended(parent, seq, 'dead')
      // Its id has a part that cannot be read: its place is all that is known.
      events.attention('dead', { id: String(seq), flow, key, path: '', error: storeError(error) })
      then()
    })
  }

  const run = (
    work: Work,
    loaded: Loaded,
    slot: Slot,
    ended: (end: PassEnd) => void,
    cancelled: string | null,
  ): void => {
    const flow = options.flows.get(loaded.flow) as CompiledFlow
    const pass = new MessagePass(loaded, flow, ports(flow))
    pass.cancelled = cancelled
    const run: Running = { work, pass, slot, ended, place: 0, wait: null, woken: false }
    run.place = running.join(run)
    try {
      const result = start(pass, flow)
      if (result instanceof Promise) {
        result.then(
          (stop) => stopped(run, stop),
          (thrown: unknown) => threw(run, thrown),
        )
      } else stopped(run, result)
    } catch (thrown) {
      threw(run, thrown)
    }
  }

  const start = (pass: MessagePass, flow: CompiledFlow): StepResult | Promise<StepResult> => {
    const { loaded, cancelled } = pass
    if (cancelled !== null) throw new Interrupt({ kind: 'cancel', note: cancelled })
    checkFit(loaded)
    if (flow.hooks !== null && loaded.parent === null) hookBody(flow.name, loaded.body)
    pass.isFit = true
    checkStart(pass, clock.now())
    return pass.runWhole(loaded.parent === null ? flow.program : entryOf(pass, flow, loaded.parent.path))
  }

  const stopped = (run: Running, stop: StepResult): void => {
    const { pass } = run
    try {
      if (stop?.kind === 'suspend') {
        suspend(run, {
          kind: 'suspend',
          why: stop.why,
          wakeAt: stop.wakeAt,
          hold: stop.hold,
          path: stop.path,
          error: null,
        })
        return
      }
      pass.checkAllMet()
      if (stop === undefined) keepOutput(pass)
      settle(run, stop?.ending ?? 'done', stop?.reason ?? '', null)
    } catch (thrown) {
      threw(run, thrown)
    }
  }

  const threw = (run: Running, thrown: unknown): void => {
    if (isInterrupt(thrown)) {
      interrupted(run, thrown.reason)
      return
    }
    const error = run.pass.errorOf(unwrapFinal(thrown))
    settle(run, 'dead', error.message, storeError(error))
  }

  const interrupted = (run: Running, reason: InterruptReason): void => {
    switch (reason.kind) {
      case 'suspend':
        suspend(run, reason)
        break
      case 'doubt':
        settle(run, 'inDoubt', reason.error.message, storeError(reason.error), reason.path)
        break
      case 'park':
        unfit(run, reason)
        break
      case 'cancel':
        run.pass.note({ t: 'note', at: clock.now(), what: 'cancelled', note: reason.note })
        settle(run, 'dropped', reason.note, null)
        break
      case 'abandon':
        left(run, { kind: 'abandoned' })
        break
    }
  }

  const settle = (
    run: Running,
    ending: Ending,
    reason: string,
    error: StoredError | null,
    path = run.pass.path,
  ): void => {
    const { pass, work } = run
    const { loaded } = pass
    const at = clock.now()
    if (ending === 'done' || ending === 'filtered') commitStaged(pass)
    else dropStaged(pass)
    sendOffHooks(pass, { ending, reason, error })
    if (error) pass.note({ t: 'end', at, ending, p: path, e: error })
    const entries = pass.walk.takeUnsaved()
    const n = loaded.nextFrame
    const frame = entries.length === 0 ? null : sealEntries(entries, loaded.seq, n)
    committer.settle({
      seq: loaded.seq,
      ending,
      endedAt: at,
      attempt: work.attempt,
      frame,
      n,
      reason: reason.slice(0, 500),
    })
    loans?.giveBack(loaded.seq)
    run.slot.release()
    committer.after(() => {
      if (!loaded.waits) options.fresh(loaded.seq, false)
      endedForAll(pass, loaded, ending, error, path)
      left(run, { kind: 'ended' })
    })
  }

  /** What the flow wants done at such an end is accepted in one commit with it; of its children it is not the end. */
  const sendOffHooks = (pass: MessagePass, end: HookEnd): void => {
    const { loaded, flow, cancelled } = pass
    const isByAPerson = end.ending === 'dropped' && cancelled !== null
    if (flow.hooks === null || loaded.parent !== null || isByAPerson || !pass.isFit) return
    const body = { ...end, body: loaded.body }
    for (const scope of flow.hooks(end.ending))
      newDetached(pass, scope, loaded.timesSentAgain ?? 0, body, {})()
  }

  /** What a child ends with is kept for a join; one that was stopped ends with nothing. */
  const keepOutput = (pass: MessagePass): void => {
    const { awaitedBy } = pass.loaded
    if (awaitedBy !== null && isOutputKept(awaitedBy))
      pass.note({ t: 'output', r: (pass.body ?? null) as Json })
  }

  /** A parent that could not wait on, as the journal was out of reach, may want it when it comes back. */
  const isOutputKept = (parent: number): boolean => options.children.of(parent)?.keepOutputs ?? true

  const endedForAll = (
    pass: MessagePass,
    loaded: Loaded,
    ending: Ending,
    error: StoredError | null,
    path: string,
  ): void => {
    events.ended(loaded.flow, ending, loaded.parent !== null, clock.now() - loaded.acceptedAt)
    if (loaded.awaitedBy !== null) options.children.ended(loaded.awaitedBy, loaded.seq, ending)
    else if (loaded.parent === null && options.replies.waiting > 0) tellEnd(pass)
    if (error) events.attention(ending, { id: loaded.id, flow: loaded.flow, key: loaded.key, path, error })
  }

  /** Who waits for the reply of a message that ended without one is told so. */
  const tellEnd = (pass: MessagePass): void => {
    if (!pass.recorded.some((entry) => entry.t === 'reply')) options.replies.tell(pass.loaded.id, null)
  }

  const suspend = (run: Running, reason: Extract<InterruptReason, { kind: 'suspend' }>): void => {
    const { pass, work } = run
    if (pass.cancelled !== null) {
      interrupted(run, { kind: 'cancel', note: pass.cancelled })
      return
    }
    const { loaded, flow } = pass
    const limit = limitOf(loaded, flow)
    const wakeAt = limit === null || isSettling(pass) ? reason.wakeAt : Math.min(reason.wakeAt, limit + 1)
    const hold = reason.hold && loaded.key !== null
    const attempt = work.attempt + (reason.why === 'retry' ? 1 : 0)
    record(pass)
    loans?.giveBack(loaded.seq)
    run.wait = waitOf(loaded, { reason: reason.why, wakeAt, hold, parent: loaded.awaitedBy, attempt })
    committer.wait(run.wait)
    if (run.woken) wakeRun(run)
    run.slot.release()
    committer.after(() => {
      if (!loaded.waits) options.fresh(loaded.seq, false)
      left(run, { kind: 'suspended', wakeAt: run.wait?.wakeAt ?? wakeAt, hold, attempt })
    })
  }

  /** A message that is about to sleep does not know yet: its wait is put for now, be it handed in already or not. */
  const wakeRun = (run: Running): void => {
    run.woken = true
    if (run.wait?.reason !== 'event') return
    run.wait = { ...run.wait, wakeAt: clock.now() }
    committer.wait(run.wait)
  }

  const wakeIfRunning = (seq: number): boolean => {
    const run = runOf(seq)
    if (run) wakeRun(run)
    // One that is being loaded has yet to look at what it waits for.
    return run !== undefined || arriving.find((coming) => coming.seq === seq) !== undefined
  }

  const isElsewhere = async (seq: number): Promise<boolean> =>
    loans !== null && ((!loans.isGuest(seq) && (await loans.isLent(seq))) || away.has(seq))

  /** False while another engine runs it: that may be about to sleep, and is not asleep yet. */
  const wakeHere = async (seq: number): Promise<boolean> => {
    // Asked before the wait is read, as the commit that gives it back puts that.
    if (await isElsewhere(seq)) return false
    if (wakeIfRunning(seq)) return true
    const [stored] = await options.messages.load([seq], 'marked')
    if (wakeIfRunning(seq) || stored?.wait?.reason !== 'event' || stored.damaged !== undefined) return true
    const now = clock.now()
    committer.wait({ ...stored.wait, wakeAt: now })
    committer.after(() => options.due(stored.flow, now))
    return true
  }

  /** Whoever owns the partition is told by a message in it. */
  const wakeThere = (pass: MessagePass, path: string, sleeper: Sleeper): void => {
    const codeVersion = options.flows.get(sleeper.flow)?.codeVersion ?? ''
    const message = wakingMessage(pass, sleeper, `${WAKING}${pass.loaded.seq}/${path}`, codeVersion)
    committer.add(message, ({ duplicateOf }) => {
      if (duplicateOf === null) events.accepted(sleeper.flow, true)
    })
  }

  const left = (run: Running, end: PassEnd): void => {
    running.leave(run.place)
    run.ended(end)
  }

  const commitStaged = (pass: MessagePass): void => {
    const staged = pass.staged
    pass.staged = []
    for (const commit of staged) commit()
  }

  /** What a failed message put out is not sent, and must be put out again when it is redelivered. */
  const dropStaged = (pass: MessagePass): void => {
    pass.staged = []
    pass.walk.unsaved = pass.walk.unsaved.filter((entry) => entry.t !== 'staged')
  }

  const save = (pass: MessagePass): void => {
    if (record(pass)) holdKey(pass)
  }

  /** Answers whether there was something to be put on record. What comes before the next commit begins goes into one frame. */
  const record = (pass: MessagePass): boolean => {
    commitStaged(pass)
    const texts = pass.walk.takeUnsaved().map(entryText)
    if (texts.length === 0) return false
    if (pass.openFrame) pass.openFrame.push(...texts)
    else openFrame(pass, texts)
    return true
  }

  const openFrame = (pass: MessagePass, texts: string[]): void => {
    const { loaded } = pass
    const { seq, nextFrame: n } = loaded
    loaded.nextFrame += 1
    pass.openFrame = texts
    committer.record(() => {
      pass.openFrame = null
      return { seq, n, frame: sealEntryTexts(texts, seq, n) }
    })
  }

  /**
   * A message with a wait would look after a crash as if it waited for its turn still, while others of its key may have
   * lower places: with the first that it has on record, its wait says that it has begun. One without needs nothing.
   */
  const holdKey = ({ loaded }: MessagePass): void => {
    if (!loaded.waits || loaded.holds || loaded.key === null) return
    loaded.holds = true
    const attempt = runOf(loaded.seq)?.work.attempt ?? 0
    committer.wait({ ...readyWait(loaded, attempt, loaded.awaitedBy), hold: true })
  }

  const saved = (pass: MessagePass): Promise<void> => {
    save(pass)
    return committer.flush()
  }

  const load = async (work: Work): Promise<Found | null> => {
    const stored = await loadOne(work.seq)
    if (!stored || stored.ending) return null
    const flow = options.flows.get(stored.flow)
    try {
      const record = recordOf(stored)
      if (flow === undefined) return misfitOf(stored, record, null, flowElsewhere(stored.flow))
      try {
        return await loadOn(flow, ...(await withSourceRecord(flow, stored, record)))
      } catch (thrown) {
        if (!isLinkspanError(thrown, 'BODY_INVALID')) throw thrown
        return misfitOf(stored, record, flow, thrown)
      }
    } catch (thrown) {
      await endDamaged(stored, 'dead', ensureError(thrown, 'RECORD_DAMAGED'))
      return null
    }
  }

  /**
   * An engine that died right after it had moved a message here, out of its source's log, may not have put its record
   * beside it: that is the first of its record, and then it ends as it did there.
   */
  const withSourceRecord = async (
    flow: CompiledFlow,
    stored: StoredMessage,
    record: readonly Entry[],
  ): Promise<[StoredMessage, readonly Entry[]]> => {
    const identity = movedIdentityOf(stored.headers)
    const isMissing = identity !== undefined && record.every((entry) => entry.t === 'interrupted')
    const before = isMissing ? await options.sourceRecord(identityOf(flow.flow.definition), identity) : null
    if (before === null) return [stored, renamed(record, flow.renamed)]
    const { seq, nextFrame: n } = stored
    committer.record({ seq, n, frame: sealEntries(before.entries, seq, n) })
    return [{ ...stored, nextFrame: n + 1 }, renamed([...record, ...before.entries], flow.renamed)]
  }

  const loadOn = async (
    flow: CompiledFlow,
    stored: StoredMessage,
    record: readonly Entry[],
  ): Promise<Found> => {
    const { names, until, interrupted } = stored.parent === null ? ALONE : await handedDown(stored, flow)
    const body = bodyOf(stored)
    const fitting = await taken(flow, stored, body)
    const own = loadedOf(fitting.message, fitting.body, record, names)
    const loaded = interrupted ? { ...own, interrupted } : own
    return { stored, loaded: until === undefined ? loaded : { ...loaded, until }, misfit: null }
  }

  const loadedOf = (stored: StoredMessage, body: unknown, record: readonly Entry[], names: Bound): Loaded => {
    const loaded = toLoaded(stored, body, record, names)
    const since = loans?.sinceOf(stored.parent?.seq ?? stored.seq) ?? loans?.sinceOf(stored.seq)
    return {
      ...loaded,
      ...(since === undefined ? {} : { since }),
      interrupted: loaded.interrupted || (record.length === 0 && options.begunBefore(stored)),
    }
  }

  /** A message that cannot even be begun here: its flow is not there, or refuses its body. */
  const misfitOf = (
    stored: StoredMessage,
    record: readonly Entry[],
    flow: CompiledFlow | null,
    error: LinkspanError,
  ): Found => {
    const identity = flow === null ? stored.flow : identityOf(flow.flow.definition)
    const misfit = { identity, codeVersion: flow?.codeVersion ?? null, error }
    return { stored, loaded: loadedOf(stored, null, record, {}), misfit }
  }

  const endDamaged = (stored: StoredMessage, ending: Ending, error: LinkspanError): Promise<void> =>
    new Promise((resolve) => {
      const entry: Entry = { t: 'end', at: clock.now(), ending, p: '', e: storeError(error) }
      endStored(stored, ending, [entry], error.message, resolve)
    })

  const endStored: Live['endStored'] = (stored, ending, entries, reason, then) => {
    const { seq, nextFrame: n, id, flow, key } = stored
    const frame = entries.length === 0 ? null : sealEntries(entries, seq, n)
    loans?.giveBack(seq)
    committer.settle({
      seq,
      ending,
      endedAt: clock.now(),
      attempt: stored.wait?.attempt ?? 0,
      frame,
      n,
      reason: reason.slice(0, 500),
    })
    committer.after(() => {
      options.fresh(seq, false)
      events.ended(flow, ending, stored.parent !== null, clock.now() - stored.acceptedAt)
      const awaitedBy = stored.wait?.parent ?? null
      if (awaitedBy !== null) options.children.ended(awaitedBy, seq, ending)
      else if (stored.parent === null) options.replies.tell(id, null)
      const last = entries.find((entry) => entry.t === 'end')
      if (last?.e) events.attention(ending, { id, flow, key, path: last.p, error: last.e })
      then()
    })
  }

  /** What a child has of its parent: of the one that waits for it, or of what that left on record. */
  const handedDown = async (
    stored: StoredMessage,
    flow: CompiledFlow,
  ): Promise<Pick<Group, 'names' | 'until' | 'interrupted'>> => {
    const { seq, path } = stored.parent as { seq: number; path: string }
    const isAwaited = stored.wait?.parent === seq
    const group = isAwaited ? options.children.of(seq) : null
    if (group) return group
    const [parent] = await options.messages.load([seq])
    if (!parent) return ALONE
    const record = renamed(recordOf(parent), flow.renamed)
    const scope = renamedPlace(path, flow.renamed) ?? path
    return {
      names: namesMadeAt(record, scope),
      until: isAwaited ? timeOfChildrenAt(record, scope) : undefined,
      interrupted: isAwaited && record.some((entry) => entry.t === 'interrupted'),
    }
  }

  const ports = (flow: CompiledFlow): PassPorts => {
    const present = portsOf.get(flow)
    if (present) return present
    const made: PassPorts = {
      ...outwardPorts(options, flow.name),
      call: (pass: MessagePass, request: CallRequest, input: unknown, state: CallState) => {
        const settles = state.open !== null && needsAnswer(request.operation, request.onUnknown)
        if (!settles) checkTimeLimit(pass, clock.now())
        return options.calls.call(pass, request, input, state)
      },
      update: <Result extends Json>(
        pass: MessagePass,
        path: string,
        scope: string,
        key: string,
        change: CellChange<Result>,
        beside?: object,
      ) => options.cells.update(scope, key, change, recorderOf<Result>(pass, path, beside !== undefined)),
      change: (pass, scope, key, change) => options.cells.update(scope, key, change, offRecord(pass)),
      cells: (_pass, scope, after, limit) => options.cells.list(scope, after, limit),
      endingOf: async (id) => {
        const found = await options.messages.find(id)
        return found && (found.ending?.ending ?? 'live')
      },
      spawn: async (pass: MessagePass, plan: SpawnPlan, made): Promise<SpawnOutcome> => {
        const { slot } = runOf(pass.loaded.seq) as Running
        slot.release()
        const outcome = await options.children.spawn(pass, plan, made)
        await slot.regain()
        return outcome
      },
      outputs: (pass, path) => recordedOutputs(pass, path, options.messages),
      detach: (pass, path, scope, body) => detach(pass, path, scope, body),
      publish: (pass, path, channel, body, given) => {
        pass.staged.push(options.publish(pass, channel, body, given))
        pass.note({ t: 'staged', p: path, b: (settled(body) ?? null) as Json })
      },
      reply: (pass, _path, value) => {
        save(pass)
        committer.after(() => options.replies.tell(pass.loaded.id, { reply: value }))
      },
      sleeps: () => false,
      async wake(pass, path, sleeper) {
        const isWoken = options.owns(sleeper.partition) && (await wakeHere(sleeper.seq))
        if (!isWoken) wakeThere(pass, path, sleeper)
      },
      wakeHere: (_pass, seq) => wakeHere(seq),
    }
    portsOf.set(flow, made)
    return made
  }

  /** Nothing goes on record, but what is built on the change may not leave the engine before it is durable. */
  const offRecord = <Result>(pass: MessagePass): CellRecorder<Result> => ({
    write() {
      pass.uncommitted = committer.flush()
      pass.uncommitted.catch(() => undefined)
    },
    frame: () => null,
    kept: () => undefined,
  })

  const recorderOf = <Result extends Json>(
    pass: MessagePass,
    path: string,
    beside: boolean,
  ): CellRecorder<Result> => {
    const entryFor = (result: Result): Entry =>
      beside ? pass.besideEntry(path, clock.now(), result) : { t: 'value', p: path, v: result }
    return {
      write(result) {
        pass.note(entryFor(result))
        pass.uncommitted = saved(pass)
        pass.uncommitted.catch(() => undefined)
      },
      frame(result) {
        record(pass)
        holdKey(pass)
        const { seq, nextFrame: n } = pass.loaded
        return { seq, n, frame: sealEntries([entryFor(result)], seq, n) }
      },
      kept(result) {
        pass.note(entryFor(result))
        pass.walk.takeUnsaved()
        pass.loaded.nextFrame += 1
      },
    }
  }

  const detach = (pass: MessagePass, path: string, scope: string, body: unknown): void => {
    const names = pass.names()
    const accept = newDetached(pass, scope, 0, body, names)
    pass.note(
      Object.keys(names).length > 0
        ? { t: 'staged', p: path, names: names as Json }
        : { t: 'staged', p: path },
    )
    pass.staged.push(accept)
  }

  /** A child that nobody waits for: made now, accepted by calling the answer. */
  const newDetached = (
    pass: MessagePass,
    scope: string,
    index: number,
    body: unknown,
    names: Bound,
  ): (() => void) => {
    const { message, body: plain } = newChild(pass, scope, index, body, false)
    const isHere = options.owns(message.partition)
    const started = (seq: number): void => {
      events.accepted(message.flow, true)
      if (!isHere) return
      const child = loadedChild(pass, message, seq, plain, { names, until: undefined })
      options.startChild(child, message.body.byteLength, null)
    }
    return () => committer.add(isHere ? message : { ...message, handOver: true }, ({ seq }) => started(seq))
  }

  return {
    execute,
    save,
    saved,
    endStored,
    runs: (seq) => cancellable(seq) !== undefined,
    cancel(seq, note) {
      const found = cancellable(seq)
      if (found) found.cancelled = note
      return found !== undefined
    },
  }
}

function flowElsewhere(flow: string): LinkspanError {
  return new LinkspanError('FLOW_UNKNOWN', `the owner of its partition does not have the flow "${flow}"`)
}

function entryOf(pass: MessagePass, flow: CompiledFlow, path: string): Program {
  return entryAt(flow, path) ?? pass.park(path, `it was made by "${path}", which the flow no longer has`)
}

/** A wait that makes a live message ready to run. */
export function readyWait(
  message: { readonly seq: number; readonly flow: string; readonly key: string | null },
  attempt: number,
  parent: number | null,
): Wait {
  return waitOf(message, { reason: 'ready', wakeAt: null, hold: false, parent, attempt })
}

/**
 * The wait of a message that had none when its engine died. It goes on before others of its key if anything of it is on
 * record: it had begun then, and had not let go of its key.
 */
export function interruptedWait(message: Parameters<typeof readyWait>[0], isBegun: boolean): Wait {
  return { ...readyWait(message, 0, null), hold: isBegun && message.key !== null }
}
