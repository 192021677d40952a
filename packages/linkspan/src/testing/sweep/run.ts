import { durationMs } from '../../model/duration.ts'
import type { Random } from '../../model/outside.ts'
import { CONTROL_FLOW, raising } from '../../patterns/control.ts'
import type { Flow } from '../../patterns/steps.ts'
import { completion } from '../../runtime/control-bus.ts'
import type { SendOptions } from '../../runtime/sending.ts'
import type { FakeOperation } from '../fake-operation.ts'
import { seededRandom } from '../seeded-random.ts'
import { unfinished } from '../test-flow.ts'
import { createWorld, type Life, type TestWorld, type WorldSettings } from '../test-world.ts'
import { virtualClock } from '../virtual-clock.ts'
import type { Boundary, Planned } from './boundaries.ts'
import { type Doubt, doubtsOf, resolve } from './doubts.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { createProbe, type Probe } from './probe.ts'
import type { Scenario, ScenarioSteps } from './scenario.ts'
import { createSender, type Sender } from './sender.ts'

/** What all runs of a sweep have in common. */
export interface SweepSetup {
  readonly flows: readonly Flow[]
  readonly fakes: ReadonlyMap<string, FakeOperation>
  readonly scenario: Scenario
  readonly settings: WorldSettings
  readonly seed: number | string
  /** How long an engine is away after it was killed. */
  readonly downtimeMs: number
  readonly normalize: (value: unknown) => unknown
}

/** What came of one run. */
export interface Ran {
  readonly plan: readonly Planned[]
  readonly boundaries: readonly Boundary[]
  /** The messages whose calls were disturbed. */
  readonly disturbed: ReadonlySet<string>
  readonly outcome: Outcome | null
  /** What was thrown, when the run did not come to its end. */
  readonly error: unknown
}

const LONGEST_MS = durationMs('100d')
const MAX_STEPS = 200_000
const MAX_ROUNDS = 20

/** Runs the scenario once with the planned faults, until everything has ended and every doubt is resolved. */
export async function runOnce(setup: SweepSetup, plan: readonly Planned[]): Promise<Ran> {
  for (const fake of setup.fakes.values()) fake.reset()
  const run = createRun(setup, plan)
  const done = { plan, boundaries: run.probe.boundaries, disturbed: run.probe.disturbed }
  try {
    return { ...done, outcome: await run.whole(), error: null }
  } catch (error) {
    return { ...done, outcome: null, error }
  }
}

interface Run {
  readonly probe: Probe
  whole(): Promise<Outcome>
}

function createRun(setup: SweepSetup, plan: readonly Planned[]): Run {
  const { flows, fakes, settings, downtimeMs, seed } = setup
  const clock = virtualClock({ maxSteps: MAX_STEPS })
  const chance = deliveryRandom(seed)
  const probe = createProbe(plan, clock, () => world.kill())
  const world: TestWorld = createWorld({ flows, clock, random: chance, settings, probe, forgets: false })
  const sender = createSender(clock, ({ n }) => chance.expect(n))
  let lives = 0

  const alive = (): boolean => world.life?.alive === true

  /** Drives until the goal is reached or the engine dies; what is to be sent is sent on the way. */
  const drive = async (limit: number, goal: () => boolean): Promise<'goal' | 'dead' | 'idle' | 'limit'> => {
    for (;;) {
      if (!alive()) return 'dead'
      if (sender.wants && world.life?.runtime.state === 'running') sender.pump(world.life)
      const end = await clock.drive(limit, () => {
        if (probe.killIsDue()) world.kill()
        return !alive() || goal() || (sender.wants && world.life?.runtime.state === 'running')
      })
      if (!alive()) return 'dead'
      if (end !== 'stopped') return end
      if (goal()) return 'goal'
    }
  }

  const revive = async (): Promise<void> => {
    while (!alive()) {
      if (lives > 0) await clock.advance(downtimeMs)
      lives += 1
      await during(() => world.begin())
      if (alive()) await during(async () => sender.recover(world.life as Life))
    }
  }

  /** Waits for something of the present life; false when it died first. */
  const during = async (begin: () => Promise<void>): Promise<boolean> => {
    let over = false
    let thrown: { readonly error: unknown } | null = null
    begin().then(
      () => {
        over = true
      },
      (error: unknown) => {
        thrown = { error }
        over = true
      },
    )
    const end = await drive(clock.now() + LONGEST_MS, () => over)
    if (thrown !== null) throw (thrown as { error: unknown }).error
    if (end !== 'goal' && end !== 'dead')
      throw new Error('Something of the engine is waited for that never comes.')
    return end === 'goal'
  }

  const advanceTo = async (until: number): Promise<void> => {
    while (clock.now() < until) {
      await revive()
      if ((await drive(until, () => false)) !== 'dead') await clock.advance(Math.max(0, until - clock.now()))
    }
  }

  const rest = async (): Promise<void> => {
    for (;;) {
      await revive()
      const end = await drive(clock.now() + LONGEST_MS, () => world.atRest() && sender.idle)
      if (end === 'goal') return
      if (end !== 'dead') throw await unfinished((world.life as Life).runtime)
    }
  }

  const settleDoubts = async (): Promise<readonly Doubt[]> => {
    const all = new Map<string, Doubt>()
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      await rest()
      const life = world.life as Life
      const doubts = await doubtsOf(life, flows, fakes)
      if (doubts.length === 0) return [...all.values()]
      for (const doubt of doubts) all.set(`${doubt.id} ${doubt.path}`, doubt)
      for (const doubt of doubts) if (!(await during(() => resolve(life, doubt)))) break
    }
    throw new Error(`A message is in doubt again and again, ${MAX_ROUNDS} times.`)
  }

  const whole = async (): Promise<Outcome> => {
    await revive()
    await setup.scenario(stepsOf(setup, sender, probe, { advanceTo, rest, now: clock.now }))
    await rest()
    if (sender.releaseLater()) await rest()
    const doubts = await settleDoubts()
    const { journal } = (world.life as Life).runtime.parts
    return outcomeOf({ journal, flows, fakes, doubts, delivered: sender.all, normalize: setup.normalize })
  }

  return { probe, whole }
}

interface Moves {
  advanceTo(until: number): Promise<void>
  rest(): Promise<void>
  now(): number
}

function stepsOf(setup: SweepSetup, sender: Sender, probe: Probe, moves: Moves): ScenarioSteps {
  let n = 0
  const deliver = (name: string, body: unknown, options: SendOptions = {}): void => {
    n += 1
    const number = n
    const fault = probe.delivery(() => `${number} to "${name}"`)
    sender.send({ n: number, flow: name, body, options }, fault)
  }
  return {
    sendTo: (flow, body, options) => deliver(flow.definition.name, body, options),
    send: (body, options) => deliver((setup.flows[0] as Flow).definition.name, body, options),
    raise(event, given, value) {
      const { body, key } = raising(event, given, value)
      deliver(CONTROL_FLOW, body, { key })
    },
    completeGroups: (flow, step, key) => deliver(CONTROL_FLOW, completion(flow, step, key ?? null)),
    advance: (by) => moves.advanceTo(moves.now() + durationMs(by)),
    run: moves.rest,
    fake(name) {
      const found = setup.fakes.get(name)
      if (found) return found
      throw new Error(
        `No flow here calls "${name}". They call: ${[...setup.fakes.keys()].join(', ') || 'nothing'}.`,
      )
    },
  }
}

/** Chance that gives the same delivery the same id in every run, as far as its place is the same. */
function deliveryRandom(seed: number | string): Random & { expect(n: number): void } {
  const random = seededRandom(seed)
  let token: string | null = null
  return {
    next: random.next,
    expect(n) {
      token = `delivery ${n} of ${seed}`
    },
    token(length) {
      if (token === null) return random.token(length)
      const own = seededRandom(token).token(length)
      token = null
      return own
    },
  }
}
