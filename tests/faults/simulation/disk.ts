/** The simulated journal under the engines, with the fates that the plan gives its commits. */
import type { Journal, JournalFactory } from 'linkspan'
import { type CommitFate, simulated } from 'linkspan/journal'
import { changed } from '../support.ts'
import type { Life } from './engines.ts'
import type { Failpoint, Fault, Part } from './failpoints.ts'
import type { World } from './world.ts'

/** One batch of changes for a journal. */
export type Batch = Parameters<Journal['commit']>[0]

/** The durable part of a run. */
export interface Disk {
  /** The journal as one engine opens it. */
  journalFor(life: Life): JournalFactory
  /** Ends what an engine has to do with the journal, as a crash would. */
  crash(life: Life): void
  /** Stops what an engine has to do with the journal for a while, as SIGSTOP would, and lets it go on. */
  pause(life: Life): void
  wake(life: Life): void
  readonly commits: number
}

const FATES: Readonly<Partial<Record<Fault, CommitFate>>> = {
  'killed before': 'lost-before',
  'killed during': 'lost-after',
  'unreachable before': 'unreachable-before',
  'unreachable during': 'unreachable-after',
  full: 'full',
  'frozen before': 'unreachable-before',
}

/** Into how many partitions a journal is cut that several engines share. */
const PARTITIONS = 8

/** Makes an empty journal; more than one engine share it by partitions. */
export function createDisk(world: World, engines: number): Disk {
  const { clock, plan, story } = world
  const draws = world.draws('disk')
  const owners = new WeakMap<Batch, Life>()
  /** The journal has no room until then. */
  let fullUntil = 0
  /** The next so many commits fail in this way. */
  let failing: { readonly fate: CommitFate; left: number } = { fate: 'ok', left: 0 }

  /** The last batch of which nobody knows whether it was written. */
  let doubted: { readonly life: Life; readonly id: number } | null = null

  /** The numbers of the engines that share the journal. */
  const members = new WeakMap<Life, number>()

  const journal = simulated({
    partitions: engines > 1 ? PARTITIONS : 1,
    clock,
    onCommit: (batch, n) => {
      const life = owners.get(batch) as Life
      const fate = fateOf(batch, life)
      story.tell(
        `${life.name} commits ${n}: ${describe(batch)}${fate === 'ok' ? '' : ` -> ${fate.toUpperCase()}`}`,
      )
      return fate
    },
  })

  /** Nothing was written: no journal may say so of a batch that it may have written before. */
  const full = (batch: Batch, life: Life): CommitFate =>
    doubted?.life === life && doubted.id === batch.id ? 'unreachable-before' : 'full'

  const fateOf = (batch: Batch, life: Life): CommitFate => {
    const fate = drawFate(batch, life)
    if (fate === 'full') return full(batch, life)
    if (fate.startsWith('unreachable')) doubted = { life, id: batch.id }
    return fate
  }

  const drawFate = (batch: Batch, life: Life): CommitFate => {
    if (clock.now() < fullUntil) return 'full'
    if (failing.left > 0) {
      failing.left -= 1
      return failing.fate
    }
    const fault = plan.pass(passedBy(batch, life), life.phase)
    return fault === null ? 'ok' : strike(fault, life)
  }

  const strike = (fault: Fault, life: Life): CommitFate => {
    const fate = FATES[fault] ?? 'ok'
    if (fault === 'killed before' || fault === 'killed during') life.kill(`${fault} a commit`)
    else if (fault === 'killed after') afterSteps(draws.pick([1, 1, 2, 4]), () => life.kill('after a commit'))
    else if (fault === 'stopped') clock.defer(() => life.stop('at a commit'))
    else if (fault === 'frozen before' || fault === 'frozen during') life.freeze(`${fault} a commit`)
    else if (fault === 'left') clock.defer(() => life.leave('at a commit'))
    else if (fault === 'joined') life.join('at a commit')
    else if (fault === 'full') fullUntil = clock.now() + draws.pick([0, 500, 5_000, 20_000])
    else failing = { fate, left: draws.pick([0, 0, 1, 4]) }
    return fate
  }

  const afterSteps = (steps: number, run: () => void): void => {
    clock.defer(() => (steps > 1 ? afterSteps(steps - 1, run) : run()))
  }

  const withMember = (life: Life, act: (member: number) => void): void => {
    const member = members.get(life)
    if (member !== undefined) act(member)
  }

  return {
    get commits() {
      return journal.commits
    },
    // One that dies before it has joined leaves nothing behind.
    crash: (life) => withMember(life, journal.crash),
    pause: (life) => withMember(life, journal.pause),
    wake: (life) => withMember(life, journal.wake),
    journalFor: (life) =>
      changed<JournalFactory>(journal, (opened) => {
        members.set(life, opened.ownership.member)
        return {
          commit: (batch) => {
            owners.set(batch, life)
            return opened.commit(batch)
          },
        }
      }),
  }
}

const LISTS = {
  accept: 'accept',
  records: 'record',
  waits: 'wait',
  settle: 'settle',
  state: 'state',
  cursors: 'cursor',
  revive: 'revive',
} as const satisfies Partial<Record<keyof Batch, Part>>

const NAMES = Object.keys(LISTS) as readonly (keyof typeof LISTS)[]

function passedBy(batch: Batch, { phase }: Life): readonly Failpoint[] {
  const parts = NAMES.filter((list) => batch[list].length > 0)
  const at = parts.map((list): Failpoint => `commit with ${LISTS[list]}`)
  return phase === 'running' ? at : [...at, `commit while ${phase}`]
}

/** What is in a batch, without anything that another build of the same code would make otherwise. */
function describe({ accept, records, waits, settle, revive, state, cursors, lowWater }: Batch): string {
  const list = (what: string, all: readonly (string | number)[]): string[] =>
    all.length === 0 ? [] : [`${what} ${all.join(' ')}`]
  return [
    ...list(
      'accept',
      accept.map(({ flow, key, parent }) => (parent ? `${flow}<${parent.seq}` : `${flow}(${key})`)),
    ),
    ...list(
      'record',
      records.map(({ seq, n }) => `${seq}.${n}`),
    ),
    ...list(
      'wait',
      waits.map(({ seq, reason }) => `${seq}(${reason})`),
    ),
    ...list(
      'settle',
      settle.map(({ seq, ending }) => `${seq}(${ending})`),
    ),
    ...list(
      'revive',
      revive.map(({ seq }) => seq),
    ),
    ...list(
      'state',
      state.map(({ key }) => key),
    ),
    ...list(
      'cursor',
      cursors.map(({ name, value }) => `${name}=${value}`),
    ),
    `low ${lowWater}`,
  ].join('; ')
}
