import type { Draws } from './draws.ts'
import {
  type Cell,
  type Coverage,
  FAILPOINTS,
  FAULTS,
  type Failpoint,
  type Fault,
  SHARED_CELLS,
  strikesAt,
} from './failpoints.ts'

/** What an engine is doing. */
export type Phase = 'starting' | 'running' | 'stopping'

/** The faults of one run: when one strikes follows from the seed and from what the engine does. */
export interface Plan {
  /**
   * Says that an engine passes failpoints, those of one moment at once; answers the fault that strikes there. Only a
   * running engine can be asked to stop.
   */
  pass(at: readonly Failpoint[], phase: Phase): Fault | null
  /** From now on nothing fails. */
  end(): void
  /** How many faults have struck. */
  readonly struck: number
  readonly coverage: Coverage
  /** What was planned, for people. */
  readonly planned: readonly string[]
}

interface Planned {
  readonly at: Failpoint
  readonly fault: Fault
  /** At which passing of the failpoint. */
  readonly nth: number
  struck: boolean
}

/** About how often a failpoint is passed in a run, so that what is planned there has a chance to strike. */
const PASSED: Readonly<Partial<Record<Failpoint, number>>> = {
  'commit with state': 5,
  'commit with cursor': 6,
  'commit with revive': 2,
  'commit while starting': 1,
  'commit while stopping': 1,
  'call at verify': 8,
  'call at none': 6,
  question: 2,
  poll: 4,
  timer: 100,
  restart: 1,
}
const PASSED_ELSEWHERE = 20

const NETWORK: readonly Fault[] = [
  'refused',
  'reset before',
  'reset after',
  'answer lost',
  'time-out',
  'late',
  '429',
  '503',
  'slow',
  'twice',
]

/**
 * Draws the faults of a run: a few at chosen failpoints, and for most runs noise in the network beside them, of some
 * kinds only, so that the runs differ in what goes wrong. `noisy` says whether the noise goes on. Where several engines
 * share the journal, there are more.
 */
export function drawPlan(draws: Draws, noisy: () => boolean, several = false): Plan {
  const planned = Array.from({ length: draws.whole(2, 8) }, () => drawFault(draws)).flat()
  const noise = draws.some(NETWORK, 0.4)
  const loud = draws.pick([0, 0.03, 0.1, 0.2])
  if (several) planned.push(...Array.from({ length: draws.whole(3, 9) }, () => drawSharedFault(draws)).flat())
  const passed = new Map<Failpoint, number>()
  const coverage: Partial<Record<Cell, number>> = {}
  let struck = 0
  let ended = false

  const noiseAt = (at: Failpoint): Fault | null => {
    if (!at.startsWith('call') || loud === 0 || !noisy() || !draws.chance(loud)) return null
    const kinds = noise.filter((fault) => FAULTS[at].includes(fault))
    return kinds.length === 0 ? null : draws.pick(kinds)
  }

  const strike = (at: readonly Failpoint[], fault: Fault): Fault => {
    struck += 1
    for (const each of at) {
      count(each, fault)
      if (several && fault.startsWith('killed')) count(each, 'killed')
    }
    return fault
  }

  const count = (at: Failpoint, fault: Fault): void => {
    if (strikesAt(at, fault)) coverage[`${at}: ${fault}`] = (coverage[`${at}: ${fault}`] ?? 0) + 1
  }

  return {
    coverage,
    planned: [
      ...planned.map(({ at, fault, nth }) => `${fault}, ${at}, from passing ${nth} on`),
      ...(loud > 0 && noise.length > 0 ? [`${loud * 100} % of calls: ${noise.join(', ')}`] : []),
    ],
    get struck() {
      return struck
    },
    end: () => {
      ended = true
    },
    pass(at, phase) {
      if (ended) return null
      for (const each of at) passed.set(each, (passed.get(each) ?? 0) + 1)
      const possible = (fault: Fault): boolean =>
        (fault !== 'stopped' && fault !== 'left') || phase === 'running'
      const due = planned.find((each) => !each.struck && possible(each.fault) && isDue(each, at, passed))
      if (due) {
        due.struck = true
        return strike(at, due.fault)
      }
      const [first] = at
      const noise = first === undefined ? null : noiseAt(first)
      return noise === null ? null : strike(at, noise)
    },
  }
}

function isDue(planned: Planned, at: readonly Failpoint[], passed: ReadonlyMap<Failpoint, number>): boolean {
  return at.includes(planned.at) && (passed.get(planned.at) ?? 0) >= planned.nth
}

/** A fault, with what leads to its failpoint where that is seldom passed otherwise. */
function drawFault(draws: Draws): readonly Planned[] {
  const at = draws.pick(FAILPOINTS)
  return ledTo(draws, plannedAt(draws, at, draws.pick(FAULTS[at])))
}

/** A fault that there is only where several engines share the journal. */
function drawSharedFault(draws: Draws): readonly Planned[] {
  const cell = draws.pick(SHARED_CELLS)
  const [at, fault] = cell.split(': ') as [Failpoint, Fault]
  const kills = FAULTS[at].filter((each) => each.startsWith('killed'))
  return ledTo(draws, plannedAt(draws, at, fault === 'killed' ? draws.pick(kills) : fault))
}

function ledTo(draws: Draws, planned: Planned): readonly Planned[] {
  const { at } = planned
  const leads = LEADING_TO[at]
  if (leads === undefined) return [planned]
  const [before, fault] = draws.pick(leads)
  return [plannedAt(draws, before, fault), planned]
}

const LEADING_TO: Readonly<Partial<Record<Failpoint, readonly (readonly [Failpoint, Fault])[]>>> = {
  'commit while starting': [
    ['commit with accept', 'killed during'],
    ['call at key', 'killed during'],
  ],
  'commit while stopping': [
    ['commit with accept', 'stopped'],
    ['commit with record', 'stopped'],
    ['call at natural', 'stopped'],
    ['call at key', 'stopped'],
  ],
  question: [
    ['call at verify', 'answer lost'],
    ['call at verify', 'reset before'],
  ],
  restart: [
    ['commit with record', 'killed after'],
    ['call at key', 'killed during'],
  ],
}

function plannedAt(draws: Draws, at: Failpoint, fault: Fault): Planned {
  return { at, fault, nth: draws.whole(1, PASSED[at] ?? PASSED_ELSEWHERE), struck: false }
}
