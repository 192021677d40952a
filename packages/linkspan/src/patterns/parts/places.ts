import { LinkspanError } from '../../model/errors.ts'
import { turnPlace } from '../../model/step-place.ts'
import type { Pass, Program, Sleeper, StepContext, StepResult } from '../pattern.ts'
import { type AttemptEnd, type Gate, type GateStanding, letInAt, throughGate } from './gate.ts'
import { askForPlace, givePlaceBack, type Place } from './places-cell.ts'

/** A step whose steps only so many messages are in at once. */
export interface Places {
  readonly path: string
  readonly scope: string
  /** What has places of its own, and how many. */
  readonly of: (body: unknown, context: StepContext) => { readonly cell: string; readonly most: number }
  readonly reject: boolean
  readonly hold: boolean
}

type Standing = GateStanding & {
  readonly until: number
  /** Counts what was noted, so that each waking has a place of its own. */
  readonly n: number
  /** Who is to be woken, once this is durable. */
  readonly wake: readonly Pick<Sleeper, keyof Sleeper>[]
}

/** Runs steps that only so many messages are in at once. */
export function throughPlaces(pass: Pass, places: Places, steps: Program): Promise<StepResult> {
  const { path } = places
  const { cell, most } = places.of(pass.body, pass.enter(path))
  const gate: Gate<Standing> = {
    path,
    letIn: (inner) => letIn(inner, places, cell, most),
    left: (inner, before, end) => left(inner, places, cell, most, before, end),
  }
  return throughGate(pass, gate, steps)
}

async function letIn(
  pass: Pass,
  places: Places,
  cell: string,
  most: number,
): Promise<Standing | { readonly stop: StepResult }> {
  const { path, hold } = places
  const before = pass.noted(path) as Standing | undefined
  if (before !== undefined) {
    await wakeAll(pass, path, before)
    if (before.did === 'let' || before.did === 'passed' || pass.isUndecided(path)) return before
    const stop = before.did === 'waits' ? pass.sleepBeside(path, before.until, hold, 'before') : undefined
    if (stop !== undefined) return { stop }
  }
  const standing = await ask(pass, places, cell, most, before)
  await wakeAll(pass, path, standing)
  if (standing.did === 'let') return standing
  if (before?.did !== 'waits') pass.tell(path, 'waited')
  return { stop: pass.sleepBeside(path, standing.until, hold, 'now') }
}

function ask(
  pass: Pass,
  { path, scope, reject }: Places,
  cell: string,
  most: number,
  before: Standing | undefined,
): Promise<Standing> {
  const asking = askForPlace(pass.sleeper, most, (id) => pass.endingOf(id))
  return pass.updateBeside<Standing>(
    path,
    scope,
    cell,
    async (present, at) => {
      const { result, ...change } = await asking(present, at)
      // Thrown here nothing is noted and no place taken, so that the message can be sent again.
      if (result.did === 'waits' && reject) throw full(pass, path, most, before !== undefined)
      return {
        ...change,
        result: standingOf(result, result.did, before, letInAt(before, result.did, at), saysOf(result, most)),
      }
    },
    before?.did === 'failed' || before?.did === 'settles' ? { ...before, did: 'let' } : null,
  )
}

async function left(
  pass: Pass,
  { path, scope }: Places,
  cell: string,
  most: number,
  before: Standing,
  { did, error }: AttemptEnd,
): Promise<void> {
  const giving = givePlaceBack(pass.context.id, most)
  const says = error === null ? 'gave its place back' : `gave its place back: ${error.code}`
  const standing = await pass.updateBeside<Standing>(
    path,
    scope,
    cell,
    async (present, at) => {
      const { result, ...change } = await giving(present, at)
      const undecided = did === 'failed' ? { undecided: true as const } : {}
      return { ...change, result: { ...standingOf(result, did, before, before.from, says), ...undecided } }
    },
    before,
  )
  await wakeAll(pass, path, standing)
}

function standingOf(
  { until, wake }: Place,
  did: Standing['did'],
  before: Standing | undefined,
  from: number | null,
  says: string,
): Standing {
  return { did, until, wake, n: (before?.n ?? 0) + 1, from, says }
}

function saysOf({ did, taken }: Place, most: number): string {
  return did === 'let' ? `has one of ${most} places` : `waits for a place: ${taken} of ${most} are taken`
}

async function wakeAll(pass: Pass, path: string, { wake, n }: Standing): Promise<void> {
  for (const [at, sleeper] of wake.entries()) await pass.wake(turnPlace(turnPlace(path, n), at + 1), sleeper)
}

/** One that had a place before, and failed, may try for another as its policy says. */
function full(pass: Pass, path: string, most: number, wasIn: boolean): LinkspanError {
  pass.tell(path, 'rejected')
  return new LinkspanError(
    'THROTTLED',
    `The throttle "${path}" has ${most} messages in its steps at once, and this is one more.`,
    { details: { path, concurrent: most }, retry: wasIn ? { afterMs: 1_000 } : 'never' },
  )
}
