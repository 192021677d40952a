import type { MessageReader, StoredMessage } from '../journal/journal.ts'
import { cutErrorText, LinkspanError, storeError } from '../model/errors.ts'
import type { Ending } from '../model/message.ts'
import type { Clock } from '../model/outside.ts'
import type { Children } from './children.ts'
import type { Committer } from './committer.ts'
import type { Loaded } from './loaded.ts'
import type { Lending, Loans } from './loans.ts'
import type { PassEnd, Slot, Work } from './queue/work.ts'
import type { Entry } from './record.ts'

/** A message that this engine cannot run as its flow is here, or is not. */
export interface Unfit {
  readonly work: Work
  readonly slot: Slot
  readonly loaded: Lending['loaded'] & Pick<Loaded, 'nextFrame' | 'waits' | 'since' | 'awaitedBy'>
  /** The flow's first name. */
  readonly identity: string
  /** The code version that this engine has of the flow; null where it does not have the flow. */
  readonly codeVersion: string | null
  /** Why it cannot, and at which step. */
  readonly error: LinkspanError
  readonly path: string
  /** What a person said who gave it up meanwhile. */
  readonly cancelled: () => string | null
  /** Its pass is over here, durably. */
  readonly left: (end: PassEnd) => void
}

/** Hands messages that this engine cannot run to one that can. */
export interface LendingOut {
  /** Hands a message on; `park` ends it here where it cannot be lent at all. */
  handOn(unfit: Unfit, park: () => void): void
  /** Tells how the pass of another engine over a message ended, or null when the message is to be run here. */
  whenBack(work: Work, back: Promise<boolean>, then: (end: PassEnd | null) => void): void
}

/** What lending out takes. */
export interface LendingOutOptions {
  readonly clock: Clock
  readonly committer: Pick<Committer, 'after'>
  readonly messages: Pick<MessageReader, 'load'>
  /** Null where no others share the journal. */
  readonly loans: Loans | null
  /** Whether this engine runs what lies in a partition, but for what it borrows. */
  readonly owns: (partition: number) => boolean
  readonly children: Pick<Children, 'ended'>
  readonly endStored: (
    stored: StoredMessage,
    ending: Ending,
    entries: readonly Entry[],
    reason: string,
    then: () => void,
  ) => void
}

const AGAIN_MS = 1_000

/** Makes what hands messages to other engines, and waits for them. */
export function createLendingOut(options: LendingOutOptions): LendingOut {
  const { clock, messages, loans } = options

  const whenBack: LendingOut['whenBack'] = (work, back, then) => {
    const find = (isBack: boolean): void => {
      if (isBack) endOfLoan(work).then(then, () => clock.timer(AGAIN_MS, () => find(!loans?.stopped)))
      else then({ kind: 'abandoned' })
    }
    void back.then(find)
  }

  const endOfLoan = async ({ seq, parent }: Work): Promise<PassEnd | null> => {
    const [stored] = await messages.load([seq])
    if (!stored) return { kind: 'ended' }
    const { ending, wait } = stored
    if (ending) {
      if (parent !== null) options.children.ended(parent, seq, ending.ending)
      return { kind: 'ended' }
    }
    if (!wait || wait.wakeAt === null) return null
    return { kind: 'suspended', wakeAt: wait.wakeAt, hold: wait.hold, attempt: wait.attempt }
  }

  const handOn: LendingOut['handOn'] = (unfit, park) => {
    const { loaded, slot, left, error } = unfit
    if (loans?.isGuest(loaded.seq)) {
      loans.decline(loaded.seq, cutErrorText(error.message))
      slot.release()
      options.committer.after(() => left({ kind: 'ended' }))
    } else if (loans === null || !loaded.waits || loaded.since !== undefined) park()
    // It is on its way to another engine, which sees to it. Until the queue has let go of it, it holds its key here.
    else if (!options.owns(loaded.partition) && loaded.awaitedBy === null)
      clock.timer(AGAIN_MS, () => left({ kind: loans.stopped ? 'abandoned' : 'unstarted' }))
    else lend(unfit, loans)
  }

  /** Another engine may have what it takes; the key stays held until it is done, and its place among those that run. */
  const lend = (unfit: Unfit, to: Loans): void => {
    const { work, loaded, identity, codeVersion, error, cancelled, left } = unfit
    const tried = new Map(codeVersion === null ? [] : [[codeVersion, error.message]])
    const lendOnce = (nextFrame: number): void => {
      const { attempt } = work
      const why = cutErrorText(error.message)
      to.lend({ loaded, identity, attempt, nextFrame, why, tried, cancelled }).then(
        (how) => (how === 'nobody' ? nobody() : over(how === 'back')),
        () => later(again),
      )
    }
    const nobody = (): void => {
      // That some engine declined it means that engines have the flow: it waits for one only while none has.
      const waits = codeVersion === null && tried.size === 0 && cancelled() === null
      if (waits) later(() => left({ kind: 'unstarted' }))
      else settleUnfit(unfit, whyNobody(error, tried))
    }
    const later = (then: () => void): void => {
      if (to.stopped) left({ kind: 'abandoned' })
      else clock.timer(AGAIN_MS, then)
    }
    const over = (isBack: boolean): void =>
      whenBack(work, Promise.resolve(isBack), (end) => (end === null ? again() : left(end)))
    const again = (): void => {
      messages.load([loaded.seq]).then(
        ([stored]) => lendOnce(stored?.nextFrame ?? loaded.nextFrame),
        () => later(again),
      )
    }
    lendOnce(loaded.nextFrame)
  }

  /** No engine that lives can take the message. */
  const settleUnfit = (unfit: Unfit, error: LinkspanError): void => {
    messages.load([unfit.work.seq]).then(
      ([stored]) => {
        if (stored && !stored.ending) endUnfit(unfit, error, stored)
        else unfit.left({ kind: 'ended' })
      },
      () => {
        if (loans?.stopped) unfit.left({ kind: 'abandoned' })
        else clock.timer(AGAIN_MS, () => settleUnfit(unfit, error))
      },
    )
  }

  const endUnfit = ({ path, cancelled, left }: Unfit, error: LinkspanError, stored: StoredMessage): void => {
    const note = cancelled()
    const at = clock.now()
    const entry: Entry =
      note === null
        ? { t: 'end', at, ending: 'parked', p: path, e: storeError(error) }
        : { t: 'note', at, what: 'cancelled', note }
    const ending = note === null ? 'parked' : 'dropped'
    options.endStored(stored, ending, [entry], note ?? error.message, () => left({ kind: 'ended' }))
  }

  return { handOn, whenBack }
}

/** What is wrong here; or, where this engine does not have the flow, what was wrong at one that has. */
function whyNobody(error: LinkspanError, tried: ReadonlyMap<string, string>): LinkspanError {
  const [last] = [...tried.values()].slice(-1)
  return error.code === 'FLOW_UNKNOWN' && last !== undefined
    ? new LinkspanError('MESSAGE_STATE', last)
    : error
}
