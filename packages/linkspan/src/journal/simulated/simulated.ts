import { LinkspanError } from '../../model/errors.ts'
import type { Batch, Committed, Journal, JournalEnvironment, JournalFactory } from '../journal.ts'
import { soleOwnership } from '../sole-ownership.ts'
import { backlogReader, historyReader, messageReader, pruner, stateReader } from './reads.ts'
import { applyBatch, copyWorld, createWorld, type World } from './world.ts'

/**
 * What becomes of one call of `commit`:
 * - `ok`: written and answered.
 * - `lost-before`, `lost-after`: the engine dies; the batch is not, or is, durable. Nothing is answered any more.
 * - `unreachable-before`, `unreachable-after`: answered by `JOURNAL_UNREACHABLE`; the batch is not, or is, durable.
 * - `full`: answered by `JOURNAL_FULL`; nothing is written.
 */
export type CommitFate =
  | 'ok'
  | 'lost-before'
  | 'lost-after'
  | 'unreachable-before'
  | 'unreachable-after'
  | 'full'

/** How a simulated journal behaves. */
export interface SimulatedOptions {
  /** Asked for each call of `commit`, again for a repeated one; `n` counts the calls from 1 over all owners. @default 'ok' */
  readonly onCommit?: (batch: Batch, n: number) => CommitFate
}

declare const world: unique symbol

/** What was durable at a moment. */
export interface SimulatedSnapshot {
  readonly [world]: true
}

/** A journal in memory whose owner can die at any moment while what is durable stays. */
export interface SimulatedJournal extends JournalFactory {
  /** How often `commit` was called, over all owners. */
  readonly commits: number
  /**
   * Ends the present owner as a crash would: what it has under way is lost, and no call of it is answered any more. The
   * next `open` finds `crashed: true`.
   */
  crash(): void
  /** What is durable now, for {@link SimulatedJournal.restore}. */
  snapshot(): SimulatedSnapshot
  /** Puts back what was durable; a present owner ends as by a crash. */
  restore(snapshot: SimulatedSnapshot): void
  /** What `backup` wrote, by path. */
  readonly backups: ReadonlyMap<string, SimulatedSnapshot>
}

/** One life of an owner. */
interface Owner {
  readonly reading: boolean
  state: 'open' | 'closed' | 'dead'
}

/** Everything that the owners of one simulated journal share. */
interface Disk {
  world: World
  owner: Owner | null
  commits: number
  readonly backups: Map<string, SimulatedSnapshot>
  readonly fate: (batch: Batch, n: number) => CommitFate
}

/**
 * A journal for tests: it keeps all rules of a real one, in memory, and fails as it is told to. Commits are answered
 * by the clock's `defer`, so a run under a virtual clock is repeatable.
 *
 * @example
 * ```ts
 * import { simulated } from 'linkspan/journal'
 * const journal = simulated({ onCommit: (_batch, n) => (n === 3 ? 'lost-after' : 'ok') })
 * ```
 */
export function simulated(options: SimulatedOptions = {}): SimulatedJournal {
  const { onCommit = () => 'ok' } = options
  const disk: Disk = { world: createWorld(), owner: null, commits: 0, backups: new Map(), fate: onCommit }
  return {
    kind: 'simulated',
    open: async (environment) => openFor(disk, environment),
    openForReading: async (environment) => journalOf(disk, environment, { reading: true, state: 'open' }),
    get commits() {
      return disk.commits
    },
    crash: () => crash(disk),
    snapshot: () => keep(disk.world),
    restore: (snapshot) => {
      crash(disk)
      disk.world = copyWorld(snapshot as unknown as World)
    },
    backups: disk.backups,
  }
}

/** A snapshot is a world under a name that nobody can look into. */
function keep(now: World): SimulatedSnapshot {
  return copyWorld(now) as unknown as SimulatedSnapshot
}

function crash(disk: Disk): void {
  if (disk.owner !== null) disk.owner.state = 'dead'
  disk.owner = null
}

function openFor(disk: Disk, environment: JournalEnvironment): Journal {
  if (disk.owner !== null)
    throw new LinkspanError(
      'JOURNAL_IN_USE',
      'The simulated journal is in use by another engine. Stop it or crash it first.',
    )
  const owner: Owner = { reading: false, state: 'open' }
  const journal = journalOf(disk, environment, owner)
  disk.owner = owner
  disk.world.head.clean = false
  disk.world.head.last = null
  return journal
}

function journalOf(disk: Disk, { clock }: JournalEnvironment, owner: Owner): Journal {
  const { head, endings } = disk.world
  const crashed = !head.clean
  const now = (): World => disk.world
  const living = <Parts extends object>(parts: Parts): Parts => whileOpen(parts, owner)
  const opened = { crashed, lastSeq: head.lastSeq, historySize: endings.size }
  const backlog = living(backlogReader(now))
  return {
    name: 'simulated',
    opened,
    commit: (batch) =>
      new Promise((resolve, reject) => {
        const refused = refusalOf(owner)
        if (refused !== null) reject(refused)
        // Until the turn comes the owner may have died: then this was never written.
        else clock.defer(() => owner.state === 'open' && commit(disk, owner, batch, resolve, reject))
      }),
    messages: living(messageReader(now)),
    backlog,
    state: living(stateReader(now, () => clock.now())),
    cursors: living({
      get: async (name: string) => disk.world.cursors.get(name) ?? null,
      list: async (prefix: string) =>
        new Map([...disk.world.cursors].filter(([name]) => name.startsWith(prefix))),
    }),
    ownership: soleOwnership({ opened, name: 'simulated', backlog, now: () => clock.now() }),
    history: living({
      ...historyReader(now),
      prune: refuseReaders(owner, pruner(now)),
      backup: async (path: string, progress: (done: number, total: number) => void) => {
        if (disk.backups.has(path))
          throw new LinkspanError('JOURNAL_FAILED', `There is a copy at ${path} already.`)
        disk.backups.set(path, keep(disk.world))
        progress(1, 1)
      },
    }),
    close: async () => {
      if (owner.state !== 'open') return
      owner.state = 'closed'
      if (owner.reading) return
      disk.owner = null
      disk.world.head.clean = true
    },
  }
}

function commit(
  disk: Disk,
  owner: Owner,
  batch: Batch,
  resolve: (committed: Committed) => void,
  reject: (error: unknown) => void,
): void {
  disk.commits += 1
  const fate = disk.fate(batch, disk.commits)
  const written = WRITTEN.has(fate) ? attempt(disk.world, batch) : null
  if (fate === 'lost-before' || fate === 'lost-after') {
    if (disk.owner === owner) crash(disk)
  } else if (written instanceof LinkspanError) reject(written)
  else if (fate === 'ok' && written !== null) resolve(written)
  else reject(fate === 'full' ? full() : unreachable())
}

const WRITTEN: ReadonlySet<CommitFate> = new Set<CommitFate>(['ok', 'lost-after', 'unreachable-after'])

function attempt(world: World, batch: Batch): Committed | LinkspanError {
  const { last } = world.head
  if (last !== null && last.id === batch.id) return last.committed
  try {
    if (last !== null && last.id > batch.id) throw new Error(`Batch ${batch.id} came after batch ${last.id}.`)
    return applyBatch(world, batch)
  } catch (cause) {
    return new LinkspanError('JOURNAL_FAILED', `Writing failed in the simulated journal: ${String(cause)}`, {
      cause,
    })
  }
}

function full(): LinkspanError {
  return new LinkspanError('JOURNAL_FULL', 'The simulated journal is full.', { retry: 'later' })
}

function unreachable(): LinkspanError {
  const options = { retry: 'later', applied: 'unknown' } as const
  return new LinkspanError('JOURNAL_UNREACHABLE', 'The simulated journal did not answer.', options)
}

function refusalOf({ reading, state }: Owner): LinkspanError | null {
  if (state === 'closed') return new LinkspanError('JOURNAL_CLOSED', 'The simulated journal is closed.')
  if (reading)
    return new LinkspanError(
      'JOURNAL_FAILED',
      'The simulated journal was opened for reading; nothing can be written to it.',
    )
  return null
}

function refuseReaders<Args extends readonly unknown[], Result>(
  owner: Owner,
  run: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    const refused = refusalOf(owner)
    if (refused !== null) throw refused
    return run(...args)
  }
}

/** A dead owner gets no answers, a closed one gets errors. */
function whileOpen<Parts extends object>(parts: Parts, owner: Owner): Parts {
  const wrap = (run: (...args: readonly unknown[]) => Promise<unknown>) => {
    return (...args: readonly unknown[]): Promise<unknown> => {
      if (owner.state === 'closed') return Promise.reject(refusalOf(owner))
      if (owner.state === 'dead') return new Promise(() => {})
      return run(...args)
    }
  }
  const wrapped = Object.entries(parts).map(([name, run]) => [name, wrap(run as never)])
  return Object.fromEntries(wrapped) as Parts
}
