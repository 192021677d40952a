import type { ClusterMember, RecordFrame, StateReader } from '../journal/journal.ts'
import type { Json } from '../model/message.ts'
import type { Clock, Logger, Random } from '../model/outside.ts'
import type { ClusterLoan } from './admin-api.ts'
import { openCell, sealCell, sealEntries } from './codec.ts'
import type { Committer } from './committer.ts'
import { versionOf } from './former-names.ts'
import type { Loaded } from './loaded.ts'
import { mayWrite } from './may-write.ts'
import type { Entry } from './record.ts'

/** A message that does not fit here, and how it came to its turn. */
export interface Lending {
  readonly loaded: Pick<
    Loaded,
    'seq' | 'partition' | 'codeVersion' | 'acceptedAt' | 'interrupted' | 'entries'
  >
  /** The flow's first name. */
  readonly identity: string
  readonly attempt: number
  /** The number that its next frame gets. */
  readonly nextFrame: number
  /** Why it does not fit. */
  readonly why: string
  /** Code versions that it does not fit either, and why; added to. */
  readonly tried: Map<string, string>
  /** What a person said who gave it up meanwhile. */
  readonly cancelled: () => string | null
}

/**
 * Messages that another engine runs for the owner of their partition, for one pass, as they fit the version of the flow
 * that it has. The owner keeps their place: their key is held until the pass is over.
 */
export interface Loans {
  /** How many passes over borrowed messages run here. */
  readonly active: number
  /** Whether this engine has given up what it runs. */
  readonly stopped: boolean
  /** Learns what is lent of partitions that come into the share: before anything of them runs. */
  learn(): Promise<void>
  /** Whether another engine runs a message of this engine's now. */
  isOut(seq: number): boolean
  /** Whether a former owner of its partition had lent a message to this engine, which owns the partition now. */
  isLentToOwner(seq: number): boolean
  /** Whether any engine runs a message for another one as of now, by the journal. */
  isLent(seq: number): Promise<boolean>
  /** Resolves when it is no longer so (true), or this engine gives up (false). */
  comesBack(lent: Pick<Lending, 'tried' | 'cancelled'> & { readonly seq: number }): Promise<boolean>
  /** Lends a message; resolves when it is back, at once with `nobody` where nobody can take it. */
  lend(message: Lending): Promise<'back' | 'nobody' | 'abandoned'>
  /** Whether a message is borrowed. */
  isGuest(seq: number): boolean
  /** From when on no other engine can have made a call of a borrowed message, or undefined. */
  sinceOf(seq: number): number | undefined
  /** The pass over a borrowed message is over, as the commit says that is being made. Nothing, for another one. */
  giveBack(seq: number): void
  /** A borrowed message does not fit here. */
  decline(seq: number, why: string): void
  /** Takes up what is lent to this engine. Called again and again, as nobody tells of it. */
  look(): Promise<void>
}

/** What lending takes. */
export interface LoansOptions {
  readonly state: StateReader
  readonly committer: Pick<Committer, 'state' | 'record' | 'after'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The number of this engine. */
  readonly member: number
  readonly members: () => Promise<readonly ClusterMember[]>
  readonly stopped: AbortSignal
  /** When a partition came into the share. */
  readonly since: (partition: number) => number
  /** The number that the next frame of a message gets, as of now. */
  readonly nextFrame: (seq: number) => Promise<number>
  /** Begins a pass over a borrowed message; false while its flow takes no more on. `ended` follows in any case. */
  readonly run: (guest: Guest, ended: () => void) => boolean
  /** Asks a running pass to end. */
  readonly cancel: (seq: number, note: string) => void
  /** Lets the children of a borrowed message go on whose time has come. */
  readonly wakeChildren: (seq: number, identity: string) => Promise<void>
}

/** A borrowed message. */
export interface Guest {
  readonly seq: number
  readonly partition: number
  readonly identity: string
  readonly attempt: number
}

/** A loan as the journal keeps it. */
interface Loan extends Guest {
  /** Tells it from earlier loans of the same message. */
  readonly token: string
  readonly to: number
  readonly version: string
  readonly since: number
  readonly cancel?: string
  readonly declined?: string
}

interface Found {
  readonly value: Uint8Array
  readonly loan: Loan
}

const SCOPE = 'linkspan:loans'
const PAGE = 100
const TOKEN = 12
/** How often the loans are looked through while something is lent or borrowed. */
const POLL_MS = 100
/** How often it is looked whether borrowers live, and which children of borrowed messages are due, in polls. */
const LOOK_EVERY = 10

/** A message that is lent, and who waits for it. */
interface Awaited {
  readonly tried: Map<string, string>
  readonly cancelled: () => string | null
  readonly isBack: (back: boolean) => void
  /** Lists that were begun before this one may lack the loan. */
  readonly from: number
}

/** Makes the lender and borrower of one engine. */
export function createLoans(options: LoansOptions): Loans {
  const { state, committer, clock, member, stopped, logger } = options
  /** What this engine's messages are lent to others, or were as far as it knows. */
  const out = new Set<number>()
  /** Those of them that were lent to this engine before it owned their partition. */
  const toOwner = new Set<number>()
  const guests = new Map<number, Loan>()
  /** Loans that are over here: a list that was read before may still have them. */
  const over = new Set<string>()
  /** Loans whose end is on its way to the journal. */
  const answered = new Set<string>()
  const awaited = new Map<number, Awaited>()
  /** How many times the loans were looked through, whether that is under way, and whether it is to be. */
  let sweeps = 0
  let sweeping = false
  let isArmed = false

  let asking: Promise<readonly ClusterMember[]> | null = null
  /** Once for all who ask at the same time. */
  const members = (): Promise<readonly ClusterMember[]> => {
    asking ??= options.members().finally(() => {
      asking = null
    })
    return asking
  }

  const pause = (): Promise<void> => new Promise((resolve) => clock.timer(POLL_MS, resolve))

  const list = (each: (found: Found) => void): Promise<void> => listLoans(state, each)

  /** Writes or removes a loan if it is still as it was read, with a frame of the message's record. */
  const write = (
    seq: number,
    before: Found | null,
    loan: Loan | null,
    frame: RecordFrame | null = null,
  ): Promise<boolean> => {
    const key = String(seq)
    const value = loan === null ? null : sealCell({ v: loan as unknown as Json, u: null }, SCOPE, key)
    const basedOn = { value: before?.value ?? null, at: clock.now(), frame }
    return new Promise((resolve, reject) =>
      committer.state({ scope: SCOPE, key, value, until: null, basedOn }, resolve, reject),
    )
  }

  const borrowerOf = async ({ identity, tried, loaded }: Lending) => {
    const able = (await members()).flatMap((each) => {
      const version = versionOf(each, identity)
      const isAble = each.state === 'live' && each.member !== member && version !== undefined
      return isAble && !tried.has(version) ? [{ to: each.member, name: each.name, version }] : []
    })
    const own = able.filter(({ version }) => version === loaded.codeVersion)
    const choice = own.length > 0 ? own : able
    return choice[loaded.seq % choice.length]
  }

  const lend: Loans['lend'] = async (message) => {
    const { loaded, identity, attempt, nextFrame: n, why } = message
    const { seq, partition } = loaded
    const borrower = await borrowerOf(message)
    if (borrower === undefined) return 'nobody'
    const { to, name, version } = borrower
    const since = options.since(partition)
    const token = options.random.token(TOKEN)
    const note = `${name} (member ${to}) runs it, which has the code version ${version}: ${why}`
    const at = clock.now()
    // Where nothing is on record, that a call may have been begun would be known no more once something is.
    const begun = (loaded.interrupted && loaded.entries.length === 0) || mayHaveChildren(loaded, since)
    const entries: readonly Entry[] = [
      ...(begun ? [{ t: 'interrupted', at } as const] : []),
      { t: 'note', at, what: 'lent', note },
    ]
    const frame = { seq, n, frame: sealEntries(entries, seq, n) }
    // Before it is written: whoever reads the list of loans of this partition from now on has to wait.
    out.add(seq)
    const loan = { token, seq, partition, identity, attempt, to, version, since }
    if (!(await write(seq, null, loan, frame))) {
      // What is left of an earlier loan is on its way out.
      await pause()
      out.delete(seq)
      return 'back'
    }
    logger.log('info', 'message.lent', { seq, to, version })
    return (await comesBack({ seq, tried: message.tried, cancelled: message.cancelled }))
      ? 'back'
      : 'abandoned'
  }

  const comesBack: Loans['comesBack'] = ({ seq, tried, cancelled }) => {
    if (stopped.aborted) return Promise.resolve(false)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    awaited.set(seq, { tried, cancelled, isBack: resolve, from: sweeps + 1 })
    sweepSoon()
    return promise
  }

  const endAwaiting = (seq: number, back: boolean): void => {
    const ended = awaited.get(seq)
    awaited.delete(seq)
    if (back) {
      out.delete(seq)
      toOwner.delete(seq)
    }
    ended?.isBack(back)
  }

  const isOver = async (found: Found, { tried, cancelled }: Awaited, looks: boolean): Promise<boolean> => {
    const { loan } = found
    if (loan.declined !== undefined) {
      tried.set(loan.version, loan.declined)
      return write(loan.seq, found, null)
    }
    const note = cancelled()
    if (note !== null && loan.cancel === undefined) await write(loan.seq, found, { ...loan, cancel: note })
    return looks && takeBack(loan.seq, found)
  }

  /** What a borrower ran that is fenced or has left may have made a call that nobody remembers. */
  const takeBack = async (seq: number, found: Found): Promise<boolean> => {
    const borrower = (await members()).find((each) => each.member === found.loan.to)
    if (mayWrite(borrower)) return false
    const n = await options.nextFrame(seq)
    const frame = { seq, n, frame: sealEntries([{ t: 'interrupted', at: clock.now() }], seq, n) }
    return write(seq, found, null, frame)
  }

  const finish = (loan: Loan): void => {
    over.add(loan.token)
    guests.delete(loan.seq)
    // It had ended before: nothing was committed that would have given it back.
    if (!answered.delete(loan.token) && !stopped.aborted) remove(loan.seq)
  }

  const remove = (seq: number): void =>
    committer.state({ scope: SCOPE, key: String(seq), value: null, until: null })

  const begin = (loan: Loan): void => {
    guests.set(loan.seq, loan)
    const began = options.run(loan, () => finish(loan))
    if (began) sweepSoon()
    else guests.delete(loan.seq)
  }

  /** Looks through all loans once: what came back, and what is lent to this engine. */
  const sweep = async (): Promise<void> => {
    if (sweeping) return
    sweeping = true
    try {
      sweeps += 1
      const found = new Map<number, Found>()
      await list((each) => void found.set(each.loan.seq, each))
      if (stopped.aborted) return
      takeUp([...found.values()].map(({ loan }) => loan))
      await lookAtLent(found, sweeps)
      if (sweeps % LOOK_EVERY !== 0) return
      for (const { seq, identity } of guests.values()) await options.wakeChildren(seq, identity)
    } finally {
      sweeping = false
    }
  }

  const lookAtLent = async (found: ReadonlyMap<number, Found>, number: number): Promise<void> => {
    const looks = number % LOOK_EVERY === 0
    await Promise.all(
      [...awaited].map(async ([seq, each]) => {
        if (each.from > number) return
        const loan = found.get(seq)
        if (loan === undefined || (await isOver(loan, each, looks))) endAwaiting(seq, true)
      }),
    )
  }

  const takeUp = (loans: readonly Loan[]): void => {
    const past = new Set(over)
    for (const loan of loans) {
      past.delete(loan.token)
      if (loan.to !== member || loan.declined !== undefined || over.has(loan.token)) continue
      if (!guests.has(loan.seq)) begin(loan)
      if (loan.cancel !== undefined) options.cancel(loan.seq, loan.cancel)
    }
    for (const token of past) over.delete(token)
  }

  /** Again and again, as long as something is lent or borrowed. */
  const sweepSoon = (): void => {
    if (isArmed || stopped.aborted) return
    isArmed = true
    clock.timer(POLL_MS, () => {
      isArmed = false
      if (stopped.aborted || (awaited.size === 0 && guests.size === 0)) return
      sweep()
        .catch((error: unknown) => {
          if (!stopped.aborted) logger.log('warn', 'loan.again', { error: String(error) })
        })
        .finally(sweepSoon)
    })
  }

  stopped.addEventListener('abort', () => {
    for (const seq of [...awaited.keys()]) endAwaiting(seq, false)
  })

  return {
    get stopped() {
      return stopped.aborted
    },
    get active() {
      return guests.size
    },
    learn: () =>
      list(({ loan }) => {
        out.add(loan.seq)
        if (loan.to === member) toOwner.add(loan.seq)
      }),
    isOut: (seq) => out.has(seq),
    isLentToOwner: (seq) => toOwner.has(seq),
    isLent: async (seq) => (await state.get(SCOPE, String(seq))) !== null,
    comesBack,
    lend,
    isGuest: (seq) => guests.has(seq),
    sinceOf: (seq) => guests.get(seq)?.since,
    giveBack(seq) {
      const loan = guests.get(seq)
      if (loan === undefined) return
      answered.add(loan.token)
      remove(seq)
    },
    decline(seq, why) {
      const loan = guests.get(seq)
      if (loan === undefined) return
      answered.add(loan.token)
      const cell = { v: { ...loan, declined: why } as unknown as Json, u: null }
      const value = sealCell(cell, SCOPE, String(seq))
      committer.state({ scope: SCOPE, key: String(seq), value, until: null })
    },
    look: sweep,
  }
}

/** By how much the clocks that two engines go by may differ. */
const TRUSTED_MS = 2_000

/**
 * Whether an engine that had the partition before may have begun with children of a message, of which its record says
 * nothing: the message had a wait when that engine died. Who owns the partition knows that of each child, and a borrower not.
 */
function mayHaveChildren({ entries, acceptedAt }: Lending['loaded'], since: number): boolean {
  const made = entries.findLastIndex(({ t }) => t === 'spawn')
  const told = entries.findLastIndex(({ t }) => t === 'interrupted')
  return made > told && acceptedAt <= since + TRUSTED_MS
}

/** What is lent now, by flow and borrower, for people. */
export async function countLoans(state: StateReader): Promise<readonly ClusterLoan[]> {
  const counts = new Map<string, ClusterLoan>()
  await listLoans(state, ({ loan: { identity: flow, to } }) => {
    const key = `${to} ${flow}`
    counts.set(key, { flow, to, count: (counts.get(key)?.count ?? 0) + 1 })
  })
  return [...counts.values()]
}

async function listLoans(state: StateReader, each: (found: Found) => void): Promise<void> {
  for (let after = ''; ; ) {
    const page = await state.list(SCOPE, after, PAGE)
    for (const { key, value } of page) each(foundIn(value, key))
    const last = page.at(-1)
    if (!last || page.length < PAGE) return
    after = last.key
  }
}

function foundIn(value: Uint8Array, key: string): Found {
  return { value, loan: openCell(value, SCOPE, key).v as unknown as Loan }
}
