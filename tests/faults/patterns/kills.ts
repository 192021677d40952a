/** The faults of a run of random flows: kills above all, wherever an engine can be killed. */
import type { Draws } from '../simulation/draws.ts'
import { type Cell, FAULTS, type Failpoint, type Fault } from '../simulation/failpoints.ts'
import type { Plan } from '../simulation/plan.ts'

/** Where an engine dies or is disturbed. Clocks are not set: the reference has no time but the order of things. */
const AT: readonly Failpoint[] = [
  'commit with accept',
  'commit with record',
  'commit with record',
  'commit with wait',
  'commit with settle',
  'commit with state',
  'commit while starting',
  'commit while stopping',
  'call at natural',
  'call at key',
  'call at verify',
  'call at none',
  'question',
  'timer',
]
const MOST_KILLS = 25
const MOST_NOISE = 40

interface Planned {
  readonly at: Failpoint
  readonly fault: Fault
  readonly nth: number
  struck: boolean
}

const isKill = (fault: Fault): boolean => fault.startsWith('killed')

/** Draws when an engine dies: at planned moments, and for some runs at any moment by chance, with noise in the network. */
export function drawKills(draws: Draws): Plan {
  const planned: readonly Planned[] = Array.from({ length: draws.whole(2, 8) }, () => {
    const at = draws.pick(AT)
    const kills = FAULTS[at].filter(isKill)
    const fault = draws.pick(draws.chance(0.7) ? kills : FAULTS[at])
    const most = at.includes('while') ? 2 : draws.pick([6, 20, 60])
    return { at, fault, nth: draws.whole(1, most), struck: false }
  })
  const dying = draws.pick([0, 0.004, 0.02, 0.05])
  const noise = draws.pick([0, 0, 0.05, 0.15])
  const passed = new Map<Failpoint, number>()
  const coverage: Partial<Record<Cell, number>> = {}
  let struck = 0
  let kills = 0
  let noises = 0
  let ended = false

  const strike = (at: readonly Failpoint[], fault: Fault): Fault => {
    struck += 1
    if (isKill(fault)) kills += 1
    for (const each of at)
      if (FAULTS[each].includes(fault))
        coverage[`${each}: ${fault}`] = (coverage[`${each}: ${fault}`] ?? 0) + 1
    return fault
  }

  const byChance = (at: Failpoint): Fault | null => {
    if (kills < MOST_KILLS && dying > 0 && draws.chance(dying)) {
      const possible = FAULTS[at].filter(isKill)
      if (possible.length > 0) return draws.pick(possible)
    }
    if (!at.startsWith('call') || noises >= MOST_NOISE || !draws.chance(noise)) return null
    noises += 1
    return draws.pick(FAULTS[at].filter((fault) => !isKill(fault) && fault !== 'stopped'))
  }

  return {
    coverage,
    planned: [
      ...planned.map(({ at, fault, nth }) => `${fault}, ${at}, from passing ${nth} on`),
      `killed by chance at ${dying * 100} % of all failpoints, noise at ${noise * 100} % of the calls`,
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
      const due = planned.find(
        (each) =>
          !each.struck &&
          at.includes(each.at) &&
          (passed.get(each.at) ?? 0) >= each.nth &&
          (each.fault !== 'stopped' || phase === 'running'),
      )
      if (due) {
        due.struck = true
        return strike(at, due.fault)
      }
      const [first] = at
      const fault = first === undefined ? null : byChance(first)
      return fault === null ? null : strike(at, fault)
    },
  }
}
