import type {
  AcceptedAt,
  Batch,
  Committed,
  CursorChange,
  Journal,
  NewMessage,
  RecordFrame,
  Settlement,
  StateChange,
  Wait,
} from '../journal/journal.ts'
import { ensureError, isLinkspanError, LinkspanError } from '../model/errors.ts'
import type { Clock } from '../model/outside.ts'

/**
 * The one writer. Everything that happens between two commits joins the next one, so many messages share a
 * transaction and an fsync; alone, a message does not wait for company. Callbacks run after the commit, in the order
 * in which the changes were handed in.
 */
export interface Committer {
  /** Why nothing new is accepted from outside, or null. */
  readonly refusing: LinkspanError | null
  /** Whether everything that was handed in is durable. */
  readonly isWritten: boolean
  /** How many changes wait for the next commit. */
  readonly pending: number
  /** Accepts from outside: refused while the journal has no room. */
  accept(message: NewMessage, then: (at: AcceptedAt) => void, refused: (error: LinkspanError) => void): void
  /** Accepts what the engine itself made; never refused. */
  add(message: NewMessage, then?: (at: AcceptedAt) => void): void
  record(frame: Late<RecordFrame>): void
  wait(wait: Wait): void
  settle(settlement: Settlement): void
  revive(wait: Wait): void
  /** `then` is told whether a change that is based on a value was written. */
  state(
    change: Late<StateChange>,
    then?: (written: boolean) => void,
    failed?: (error: LinkspanError) => void,
  ): void
  /** Moves a cursor with the messages of the same turn: refused together with them, unless nobody is to be told of that. */
  cursor(change: CursorChange, then?: () => void, refused?: (error: LinkspanError) => void): void
  /** Why so many messages from outside cannot be accepted now, or null. */
  full(count: number): LinkspanError | null
  /** Calls back after the commit that carries everything handed in so far. */
  after(then: () => void): void
  /** Resolves after that commit; rejects when the journal has failed. */
  flush(): Promise<void>
  /** Gives up all that is not committed, and takes nothing more: what is under way may or may not become durable. */
  abandon(error: LinkspanError): void
  /** Commits what is left and takes nothing more. */
  close(): Promise<void>
}

/** A change, or what makes it when its commit begins: until then more can join it. */
export type Late<Change> = Change | (() => Change)

/** What a committer is made of. */
export interface CommitterOptions {
  readonly journal: Journal
  readonly clock: Clock
  /** The place below which everything without a wait has ended. */
  readonly lowWater: () => number
  /** The most changes that may wait for a commit before outside messages are refused. */
  readonly maxPending: number
  readonly onCommit: (size: number, ms: number) => void
  /** Room was lost or is back. */
  readonly onRefusing: (error: LinkspanError | null) => void
  /** The journal cannot go on. */
  readonly onFailed: (error: LinkspanError) => void
}

interface Open {
  accept: NewMessage[]
  /** One per message of `accept`; outside messages have `refused`. */
  answers: {
    readonly then: ((at: AcceptedAt) => void) | undefined
    readonly refused: ((error: LinkspanError) => void) | undefined
  }[]
  records: Late<RecordFrame>[]
  waits: Wait[]
  settle: Settlement[]
  revive: Wait[]
  state: Late<StateChange>[]
  /** Whom to tell of the change at a position of `state`. */
  stateAnswers: Map<number, (written: boolean) => void>
  cursors: CursorChange[]
  moves: {
    readonly then: (() => void) | undefined
    readonly refused: ((error: LinkspanError) => void) | undefined
  }[]
  after: (() => void)[]
  failed: ((error: LinkspanError) => void)[]
  size: number
  /** It was handed to the journal, and nobody knows whether it was written. */
  unanswered: boolean
}

const empty = (): Open => ({
  accept: [],
  answers: [],
  records: [],
  waits: [],
  settle: [],
  revive: [],
  state: [],
  stateAnswers: new Map(),
  cursors: [],
  moves: [],
  after: [],
  failed: [],
  size: 0,
  unanswered: false,
})

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000

/** Makes the writer of a journal. */
export function createCommitter(options: CommitterOptions): Committer {
  const { journal, clock } = options
  let open = empty()
  /** What is being committed. */
  let underWay: Open | null = null
  /** Whether that was so of it before this attempt. */
  let unansweredBefore = false
  let batchId = 0
  let phase: 'idle' | 'scheduled' | 'committing' | 'pausing' | 'failed' | 'closed' = 'idle'
  let refusing: LinkspanError | null = null
  let failure: LinkspanError | null = null
  let cancelPause = (): void => undefined

  const schedule = (): void => {
    if (phase !== 'idle' || open.size === 0) return
    phase = 'scheduled'
    clock.defer(start)
  }

  const start = (): void => {
    if (phase === 'scheduled') commitOpen()
  }

  const commitOpen = (): void => {
    const taken = open
    open = empty()
    batchId += 1
    attempt(taken, FIRST_PAUSE_MS)
  }

  const attempt = (taken: Open, pauseMs: number): void => {
    phase = 'committing'
    underWay = taken
    unansweredBefore = taken.unanswered
    taken.unanswered = true
    const began = clock.monotonic()
    journal.commit(toBatch(taken, batchId, options.lowWater())).then(
      (committed) => succeeded(taken, committed, began),
      (thrown: unknown) => stumbled(taken, thrown, pauseMs),
    )
  }

  const succeeded = (taken: Open, committed: Committed, began: number): void => {
    if (phase === 'failed') return
    options.onCommit(taken.size, clock.monotonic() - began)
    setRefusing(null)
    underWay = null
    if (phase !== 'closed') phase = 'idle'
    // The journal works on what has gathered while those who waited are answered.
    if (phase === 'idle' && open.size > 0) commitOpen()
    answer(taken, committed)
    for (const then of taken.after) then()
    schedule()
  }

  const stumbled = (taken: Open, thrown: unknown, pauseMs: number): void => {
    if (phase === 'failed') return
    const error = ensureError(thrown, 'JOURNAL_FAILED')
    // An answer says what became of this attempt, and nothing of an earlier one.
    if (!isLinkspanError(error, 'JOURNAL_UNREACHABLE')) taken.unanswered = unansweredBefore
    const isFull = isLinkspanError(error, 'JOURNAL_FULL')
    if (!isFull && !isLinkspanError(error, 'JOURNAL_UNREACHABLE')) {
      fail(taken, error)
      return
    }
    // Of what an earlier attempt may have written nothing is refused. Nothing is added to it either: the journal would answer
    // the number as before, and what was added would count as committed and be lost.
    const isLeftOut = isFull && !taken.unanswered
    if (isLeftOut) refuse(taken, error)
    else setRefusing(error)
    phase = 'pausing'
    cancelPause = clock.timer(pauseMs, () =>
      attempt(isLeftOut ? joinOpen(taken) : taken, Math.min(pauseMs * 2, LONGEST_PAUSE_MS)),
    )
  }

  /** Nothing of a batch that found no room was written, so what came since can join it under the same number. */
  const joinOpen = (taken: Open): Open => {
    const joined = join(taken, open)
    open = empty()
    return joined
  }

  const refuse = (taken: Open, error: LinkspanError): void => {
    setRefusing(error)
    const kept = taken.answers.map((answer) => answer.refused === undefined)
    for (const answer of taken.answers) answer.refused?.(error)
    taken.size -= kept.filter((keep) => !keep).length
    taken.accept = taken.accept.filter((_message, at) => kept[at])
    taken.answers = taken.answers.filter((_answer, at) => kept[at])
    const moved = taken.moves.map((move) => move.refused === undefined)
    for (const move of taken.moves) move.refused?.(error)
    taken.size -= moved.filter((keep) => !keep).length
    taken.cursors = taken.cursors.filter((_cursor, at) => moved[at])
    taken.moves = taken.moves.filter((_move, at) => moved[at])
  }

  const fail = (taken: Open, error: LinkspanError): void => {
    phase = 'failed'
    underWay = null
    failure = error
    for (const lost of [taken, open]) {
      for (const answer of lost.answers) answer.refused?.(lost.unanswered ? acceptanceUnknown(error) : error)
      for (const move of lost.moves) move.refused?.(error)
      for (const failed of lost.failed) failed(error)
    }
    open = empty()
    setRefusing(error)
    options.onFailed(error)
  }

  const setRefusing = (error: LinkspanError | null): void => {
    if ((refusing === null) === (error === null)) return
    refusing = error
    options.onRefusing(error)
  }

  const changed = (): void => {
    open.size += 1
    schedule()
  }

  const full = (count: number): LinkspanError | null =>
    failure ?? refusing ?? (open.size > 0 && open.size + count > options.maxPending ? busy() : null)

  const busy = (): LinkspanError =>
    new LinkspanError(
      'ENGINE_BUSY',
      `${open.size} changes wait for the journal already. Send again shortly.`,
      {
        retry: { afterMs: 1_000 },
      },
    )

  return {
    get refusing() {
      return failure ?? refusing
    },
    get isWritten() {
      return failure === null && underWay === null && open.size === 0
    },
    get pending() {
      return open.size
    },
    accept(message, then, refused) {
      const reason = full(1)
      if (reason) return refused(reason)
      open.accept.push(message)
      open.answers.push({ then, refused })
      changed()
    },
    add(message, then) {
      open.accept.push(message)
      open.answers.push({ then, refused: undefined })
      changed()
    },
    record(frame) {
      open.records.push(frame)
      changed()
    },
    wait(wait) {
      open.waits.push(wait)
      changed()
    },
    settle(settlement) {
      open.settle.push(settlement)
      changed()
    },
    revive(wait) {
      open.revive.push(wait)
      changed()
    },
    state(change, then, failed) {
      // Nobody would ever hear of it.
      if (failure !== null) return failed?.(failure)
      if (then) open.stateAnswers.set(open.state.length, then)
      if (failed) open.failed.push(failed)
      open.state.push(change)
      changed()
    },
    cursor(change, then, refused) {
      if (failure !== null) return refused?.(failure)
      open.cursors.push(change)
      open.moves.push({ then, refused })
      changed()
    },
    full,
    after(then) {
      open.after.push(then)
      changed()
    },
    flush() {
      if (failure) return Promise.reject(failure)
      if (open.size === 0 && underWay === null) return Promise.resolve()
      return new Promise((resolve, reject) => {
        const joined = open.size > 0 ? open : (underWay ?? open)
        joined.after.push(resolve)
        joined.failed.push(reject)
      })
    },
    abandon(error) {
      if (phase === 'failed' || phase === 'closed') return
      cancelPause()
      fail(underWay ?? empty(), error)
    },
    async close() {
      try {
        if (failure === null && (refusing === null || open.size > 0)) await this.flush()
      } finally {
        cancelPause()
        phase = failure ? 'failed' : 'closed'
      }
    },
  }
}

/** What is late is made once: a batch that is handed in again is the same. */
function toBatch(taken: Open, id: number, lowWater: number): Batch {
  const { accept, waits, settle, revive, cursors } = taken
  const records = taken.records.map(made)
  const state = taken.state.map(made)
  taken.records = records
  taken.state = state
  return { id, accept, records, waits, settle, revive, state, cursors, lowWater }
}

function made<Change extends object>(late: Late<Change>): Change {
  return typeof late === 'function' ? late() : late
}

function answer(taken: Open, committed: Committed): void {
  taken.answers.forEach((each, at) => {
    const place = committed.accepted[at]
    if (place) each.then?.(place)
  })
  for (const [at, then] of taken.stateAnswers) then(!committed.stale?.includes(at))
  for (const move of taken.moves) move.then?.()
}

function join(first: Open, second: Open): Open {
  return {
    accept: [...first.accept, ...second.accept],
    answers: [...first.answers, ...second.answers],
    records: [...first.records, ...second.records],
    waits: [...first.waits, ...second.waits],
    settle: [...first.settle, ...second.settle],
    revive: [...first.revive, ...second.revive],
    state: [...first.state, ...second.state],
    stateAnswers: new Map([
      ...first.stateAnswers,
      ...[...second.stateAnswers].map(([at, then]) => [first.state.length + at, then] as const),
    ]),
    cursors: [...first.cursors, ...second.cursors],
    moves: [...first.moves, ...second.moves],
    after: [...first.after, ...second.after],
    failed: [...first.failed, ...second.failed],
    size: first.size + second.size,
    unanswered: false,
  }
}

/** The journal gave up a batch of which an earlier attempt, or this one, had no answer. */
function acceptanceUnknown(cause: LinkspanError): LinkspanError {
  return new LinkspanError(
    'ACCEPTANCE_UNKNOWN',
    `Whether the message was accepted is unknown: the journal did not answer, and then this engine had to give up (${cause.message}) Look for it, or send it again where its flow recognises a repeated delivery.`,
    { cause, applied: 'unknown' },
  )
}
