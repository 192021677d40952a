import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import type { Batch, JournalFactory } from '../journal.ts'
import type { CommitFate } from './committing.ts'
import { crash, type Disk, openReader, openShare, openWhole } from './opening.ts'
import { simulatedTransfer } from './transfer.ts'
import { copyWorld, createWorld, type World } from './world.ts'

export type { CommitFate } from './committing.ts'

/** How a simulated journal behaves. */
export interface SimulatedOptions {
  /**
   * Asked for each call of `commit`, again for a repeated one; `n` counts the calls from 1 over all engines, `member` is
   * the number of the engine (0 where there is one owner). @default 'ok'
   */
  readonly onCommit?: (batch: Batch, n: number, member: number) => CommitFate
  /**
   * Into how many partitions the key space is cut, 1 to 1024. With 1 the journal has one owner at a time; with more,
   * each opening is a member that owns a share under a lease. @default 1
   */
  readonly partitions?: number
  /** After which time without a beat others take over what a member owns; it beats five times as often. @default '10s' */
  readonly lease?: Duration
  /** The clock of the journal, which leases run by. @default the clock of the engine that opens it first */
  readonly clock?: Pick<Clock, 'now'>
}

declare const world: unique symbol

/** What was durable at a moment. */
export interface SimulatedSnapshot {
  readonly [world]: true
}

/** A journal in memory whose engines can die at any moment while what is durable stays. */
export interface SimulatedJournal extends JournalFactory {
  /** How often `commit` was called, over all engines. */
  readonly commits: number
  /**
   * Ends a member, or all of them, as a crash would: what it has under way is lost, and no call of it is answered any
   * more. A sole owner's journal can be opened at once and says `crashed: true`; a member's lease runs on.
   */
  crash(member?: number): void
  /**
   * Stops a member as SIGSTOP would: it does not beat, nothing of it is written, and no call of it is answered, until it
   * wakes. Its lease runs on. Its clock is the caller's to stop.
   */
  pause(member: number): void
  /** Lets a paused member go on: with all that was held back, in its order. */
  wake(member: number): void
  /** What is durable now, for {@link SimulatedJournal.restore}. */
  snapshot(): SimulatedSnapshot
  /** Puts back what was durable; present engines end as by a crash. */
  restore(snapshot: SimulatedSnapshot): void
  /** What `backup` wrote, by path. */
  readonly backups: ReadonlyMap<string, SimulatedSnapshot>
}

/**
 * A journal for tests: it keeps all rules of a real one, in memory, and fails as it is told to. Commits are answered
 * by the clock's `defer`, and beats made by its timers, so a run under a virtual clock is repeatable.
 *
 * @example
 * ```ts
 * import { simulated } from 'linkspan/journal'
 * const journal = simulated({ onCommit: (_batch, n) => (n === 3 ? 'lost-after' : 'ok') })
 * const shared = simulated({ partitions: 8, lease: '5s' })
 * ```
 * @throws {LinkspanError} `CONFIG_INVALID` for a count of partitions that is out of range
 */
export function simulated(options: SimulatedOptions = {}): SimulatedJournal {
  const disk = makeDisk(options)
  return {
    kind: 'simulated',
    open: async (environment) =>
      disk.partitions === 1 ? openWhole(disk, environment) : openShare(disk, environment),
    openForReading: async (environment) => openReader(disk, environment),
    transfer: simulatedTransfer(disk),
    get commits() {
      return disk.commits
    },
    crash: (member) => crash(disk, member ?? null),
    pause: (member) => disk.openings.get(member)?.life.pause(),
    wake: (member) => disk.openings.get(member)?.life.wake(),
    snapshot: () => hidden(copyWorld(disk.world)),
    restore: (snapshot) => {
      crash(disk, null)
      disk.world = copyWorld(snapshot as unknown as World)
    },
    get backups() {
      return new Map([...disk.backups].map(([path, copy]) => [path, hidden(copy)]))
    },
  }
}

/** A snapshot is a world under a name that nobody can look into. */
function hidden(copy: World): SimulatedSnapshot {
  return copy as unknown as SimulatedSnapshot
}

const MOST_PARTITIONS = 1024

function makeDisk({ onCommit = () => 'ok', partitions = 1, lease = '10s', clock }: SimulatedOptions): Disk {
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MOST_PARTITIONS)
    throw new LinkspanError(
      'CONFIG_INVALID',
      `"partitions" of the simulated journal is ${partitions}; it has to be a whole number from 1 to ${MOST_PARTITIONS}.`,
      { details: { partitions } },
    )
  return {
    world: createWorld(partitions),
    partitions,
    leaseMs: durationMs(lease),
    openings: new Map(),
    copying: null,
    commits: 0,
    backups: new Map(),
    fate: onCommit,
    now: clock === undefined ? null : () => clock.now(),
  }
}
