import { LinkspanError } from '../../model/errors.ts'
import type { Batch, Committed, Journal, JournalEnvironment, Ownership } from '../journal.ts'
import { soleOwnership } from '../sole-ownership.ts'
import { change, type MemberRow, mayWrite, SOLE } from './cluster.ts'
import { type CommitFate, meet } from './committing.ts'
import { type Copying, refuseCopying } from './copying.ts'
import { createLife, type Life, refuseReaders, whileOpen } from './life.ts'
import { createMembership, type Membership } from './membership.ts'
import { backlogReader, historyReader, messageReader, pruner, type Scope, stateReader } from './reads.ts'
import { fenceDead, join, leave, takeWhole } from './sharing.ts'
import { membersOf, runningIn, survey } from './survey.ts'
import { copyWorld, type World } from './world.ts'

/** Everything that the engines of one simulated journal share. */
export interface Disk {
  world: World
  readonly partitions: number
  readonly leaseMs: number
  /** Those that have it open for writing. */
  readonly openings: Map<number, Opening>
  commits: number
  readonly backups: Map<string, World>
  /** A copy of another journal that is being made here. */
  copying: Copying | null
  readonly fate: (batch: Batch, n: number, member: number) => CommitFate
  /** The world's clock, which leases run by; null until somebody opens. */
  now: (() => number) | null
}

/** One life of an engine that writes. */
export interface Opening {
  readonly life: Life
  readonly membership: Membership | null
}

/** Opens for the one engine that owns the journal. */
export function openWhole(disk: Disk, environment: JournalEnvironment): Journal {
  refuseCopying(disk.copying)
  if (disk.openings.size > 0)
    throw new LinkspanError(
      'JOURNAL_IN_USE',
      'The simulated journal is in use by another engine. Stop it or crash it first.',
    )
  refuseOtherCount(disk)
  const crashed = takeWhole(disk.world, 'simulated', environment.clock.now())
  const opening: Opening = { life: createLife(false), membership: null }
  disk.openings.set(SOLE, opening)
  return journalOf(disk, environment, opening, SOLE, crashed)
}

/** Opens for one engine of several. */
export function openShare(disk: Disk, environment: JournalEnvironment): Journal {
  refuseCopying(disk.copying)
  const { clock, flows = new Map<string, string>(), formerNames = new Map<string, string>() } = environment
  const wall = environment.wall ?? (() => clock.now())
  disk.now ??= wall
  const now = disk.now
  refuseOtherCount(disk)
  fenceDead(disk.world, now())
  refuseStrangers(disk.world, [...flows.keys(), ...formerNames.keys()])
  const crashed = leftByTheDead(disk.world)
  const leaseUntil = now() + disk.leaseMs
  const name = `simulated engine ${disk.world.cluster.members.size + 1}`
  const renamed = formerNames.size > 0 ? { formerNames: Object.fromEntries(formerNames) } : {}
  const shown = { flows: Object.fromEntries(flows), ...renamed }
  const member = join(disk.world, { name, since: now(), leaseUntil, ...shown })
  const life = createLife(false)
  const { leaseMs } = disk
  const membership = createMembership({ member, world: () => disk.world, now, clock, wall, life, leaseMs })
  const opening: Opening = { life, membership }
  disk.openings.set(member, opening)
  return journalOf(disk, environment, opening, member, crashed)
}

/** Opens beside those who write. */
export function openReader(disk: Disk, environment: JournalEnvironment): Journal {
  refuseCopying(disk.copying)
  return journalOf(disk, environment, { life: createLife(true), membership: null }, null, false)
}

/** Ends lives as a crash would; leases run on. */
export function crash({ openings }: Disk, member: number | null): void {
  for (const [number, { life, membership }] of openings) {
    if (member !== null && number !== member) continue
    life.end('dead')
    membership?.end()
    openings.delete(number)
  }
}

function refuseOtherCount({ world, partitions }: Disk): void {
  const { size } = world.cluster.partitions
  if (size === partitions) return
  throw new LinkspanError(
    'CONFIG_INVALID',
    `"partitions" of the simulated journal is ${partitions}, but it was made with ${size}. Set it to ${size}: the count cannot be changed.`,
    { details: { configured: partitions, present: size } },
  )
}

function refuseStrangers({ cluster }: World, names: readonly string[]): void {
  const live = [...cluster.members.values()].filter(mayWrite)
  const theirs = new Set(live.flatMap(({ flows, formerNames }) => Object.keys({ ...flows, ...formerNames })))
  if (theirs.size === 0 || names.length === 0 || names.some((name) => theirs.has(name))) return
  const list = [...theirs].sort().join(', ')
  throw new LinkspanError(
    'JOURNAL_IN_USE',
    `The simulated journal is in use by engines with other flows (${list}); this one has none of them. Give it a journal of its own.`,
    { details: { flows: [...theirs] } },
  )
}

/** Whether an engine has died whose partitions nobody has taken over. */
function leftByTheDead({ cluster: { partitions, members } }: World): boolean {
  return [...partitions.values()].some(
    ({ owner, died }) => owner === null && died !== null && members.get(died.member)?.closed !== true,
  )
}

function journalOf(
  disk: Disk,
  { clock }: JournalEnvironment,
  opening: Opening,
  member: number | null,
  crashed: boolean,
): Journal {
  const { life, membership } = opening
  const now = (): World => disk.world
  const living = <Parts extends object>(parts: Parts): Parts => whileOpen(parts, life)
  const { head, endings } = disk.world
  const opened = { crashed, lastSeq: head.lastSeq, historySize: endings.size }
  const backlog = living(backlogReader(now, scopeOf(disk, member, membership)))
  const sole = soleOwnership({ opened, name: 'simulated', backlog, now: () => clock.now() })
  return {
    name: 'simulated',
    opened,
    commit: (batch) =>
      new Promise((resolve, reject) => {
        const refused = life.refusal()
        if (refused !== null) reject(refused)
        // Until the turn comes the engine may have died: then this was never written.
        else
          life.run(() =>
            clock.defer(() => life.run(() => write(disk, member as number, batch, resolve, reject))),
          )
      }),
    messages: living(messageReader(now)),
    backlog,
    state: living(stateReader(now, () => clock.now())),
    cursors: living({
      get: async (name: string) => disk.world.cursors.get(name) ?? null,
      list: async (prefix: string) =>
        new Map([...disk.world.cursors].filter(([name]) => name.startsWith(prefix))),
    }),
    ownership: disk.partitions === 1 ? sole : sharedOwnership(disk, opening, () => clock.now()),
    history: living({
      ...historyReader(now),
      prune: refuseReaders(life, pruner(now)),
      backup: async (path: string, progress: (done: number, total: number) => void) => {
        if (disk.backups.has(path))
          throw new LinkspanError('JOURNAL_FAILED', `There is a copy at ${path} already.`)
        disk.backups.set(path, copyWorld(disk.world))
        progress(1, 1)
      },
    }),
    close: ({ leftRunning = false } = {}) =>
      new Promise((resolve) =>
        closeWhenAwake(disk, opening, member, { now: clock.now(), leftRunning }, resolve),
      ),
  }
}

function scopeOf(disk: Disk, member: number | null, membership: Membership | null): Scope {
  if (membership !== null) return { owned: membership.ownership.owned, left: membership.left }
  const from = (): number =>
    member === null ? 0 : (disk.world.cluster.members.get(member) as MemberRow).lowWater
  return {
    owned: null,
    left: () => {
      const range = { from: from(), upTo: disk.world.head.lastSeq }
      return new Map([...disk.world.cluster.partitions.keys()].map((partition) => [partition, range]))
    },
  }
}

function sharedOwnership(disk: Disk, { life, membership }: Opening, clockNow: () => number): Ownership {
  const whole = readersOwnership(disk, clockNow)
  const ownership = membership?.ownership ?? whole
  const { begin, recovered, release, members, running, survey } = ownership
  return { ...ownership, ...whileOpen({ begin, recovered, release, members, running, survey }, life) }
}

/** Whoever only reads sees all and owns nothing. */
function readersOwnership(disk: Disk, clockNow: () => number): Ownership {
  const refuse = (): never => {
    throw new LinkspanError(
      'JOURNAL_FAILED',
      'The simulated journal was opened for reading; nothing of it can be owned.',
    )
  }
  return {
    member: 0,
    partitions: disk.partitions,
    owned: new Set(),
    holds: () => false,
    now: () => null,
    begin: async () => refuse(),
    recovered: async () => refuse(),
    retire: refuse,
    release: async () => refuse(),
    running: async () => runningIn(disk.world),
    members: async () => membersOf(disk.world, (disk.now ?? clockNow)(), null),
    survey: async () => survey(disk.world, (disk.now ?? clockNow)(), null),
  }
}

function write(
  disk: Disk,
  member: number,
  batch: Batch,
  resolve: (committed: Committed) => void,
  reject: (error: unknown) => void,
): void {
  const { life, membership } = disk.openings.get(member) as Opening
  disk.commits += 1
  const fate = disk.fate(batch, disk.commits, member)
  const outcome = meet(fate, batch, disk.world, member, () => membership?.refusal() ?? null)
  if (batch.accept.some(({ handOver }) => handOver))
    for (const [other, { membership }] of disk.openings) if (other !== member) membership?.mailed()
  if (outcome === null) crash(disk, member)
  life.run(() => {
    membership?.tellMail()
    if (outcome instanceof LinkspanError) reject(outcome)
    else if (outcome !== null) resolve(outcome)
  })
}

/** How an engine goes, and when by its own clock. */
interface Leaving {
  readonly now: number
  readonly leftRunning: boolean
}

function closeWhenAwake(
  disk: Disk,
  { life, membership }: Opening,
  member: number | null,
  how: Leaving,
  done: () => void,
): void {
  if (life.state === 'dead' || life.state === 'closed') done()
  life.run(() => {
    life.end('closed')
    if (member !== null) close(disk, member, membership, how)
    done()
  })
}

function close(
  disk: Disk,
  member: number,
  membership: Membership | null,
  { now, leftRunning }: Leaving,
): void {
  disk.openings.delete(member)
  membership?.end()
  if (membership !== null) leave(disk.world, member, (disk.now as () => number)(), leftRunning)
  else if (!leftRunning) change(disk.world.cluster, member, { closed: true, leaseUntil: now })
}
