import type { StoredError } from '../../model/errors.ts'
import type { StepCode } from '../../model/flow-definition.ts'
import type { Json } from '../../model/message.ts'
import type { CellChange, Executor, Pass, Program, StepContext, StepResult } from '../pattern.ts'
import { invalid, shown, stepWords } from './arguments.ts'
import { type Takes, takes, takesOf } from './caught.ts'

/** Which target is tried first. */
export type FailoverStart = 'first' | 'roundRobin' | 'sticky'

/** The options of a failover as they come in at run time. */
export interface GivenFailover {
  readonly errors?: unknown
  readonly attempts?: number
  readonly start?: FailoverStart
}

/** A failover of a compiled step. */
export interface Failover {
  readonly path: string
  readonly scope: string
  readonly labels: readonly string[]
  readonly programs: ReadonlyMap<string, Program>
  readonly attempts: number
  readonly start: FailoverStart
  readonly errors: Takes
}

/**
 * How far a message is with its targets, noted beside the order of its steps, since what a target did that failed is not
 * met again. `attempt` counts from 1 in each round; a round ends when all attempts have failed, and the policies decide.
 */
type Standing = {
  readonly target: string
  readonly attempt: number
  /** The message's own time when the target was come to. */
  readonly now: number
  readonly says?: string
  readonly undecided?: true
}

/** The options of a failover as data. */
export function failoverOptions(given: GivenFailover, step: string): Readonly<Record<string, Json>> {
  const { attempts, start = 'first' } = given
  if (attempts !== undefined && !(Number.isSafeInteger(attempts) && attempts >= 1))
    throw invalid(`${stepWords(step)}: attempts is a whole number from 1, not ${shown(attempts)}.`)
  if (!['first', 'roundRobin', 'sticky'].includes(start))
    throw invalid(`${stepWords(step)}: start is 'first', 'roundRobin' or 'sticky', not ${shown(start)}.`)
  return { attempts: attempts ?? null, start }
}

/** What of the options of a failover is code. */
export function failoverCode({ errors }: GivenFailover, step: string): StepCode {
  return errors === undefined ? {} : { errors: takesOf(errors, 'errors', step) }
}

/** An error that leaves open whether the call took effect could make it happen twice elsewhere. */
export const certainlyNot: Takes = ({ applied }) => applied !== 'unknown'

/** Runs a target, and the next one when it fails. */
export function failoverExecutor(failover: Failover): Executor {
  const { path, labels, start } = failover
  return async (pass) => {
    pass.enter(path)
    const noted = pass.noted(path) as Standing | undefined
    const standing = noted ?? (await begin(pass, failover))
    for (const label of labels) if (label !== standing.target) pass.giveUp(`${path}/${label}`)
    if (start !== 'sticky') return attemptAt(pass, failover, standing)
    return kept(pass, failover, standing, await attemptAt(pass, failover, standing))
  }
}

async function attemptAt(pass: Pass, failover: Failover, standing: Standing): Promise<StepResult> {
  const { path, programs } = failover
  const { target, now } = standing
  pass.moveTo(now)
  const { body } = pass
  const context = pass.enter(path)
  return pass.watch(
    path,
    (inner) => programs.get(target)?.run(inner),
    async (error, how) => {
      if (how !== 'failed' || !failsOver(failover, error, body, context)) return null
      const next = nextOf(failover, standing, pass.context.now, error)
      await note(pass, failover, next)
      if (next.undecided) {
        pass.tell(path, 'exhausted', 'warn')
        return null
      }
      pass.tell(path, 'failed-over', 'warn')
      pass.giveUp(`${path}/${target}`)
      return (inner) => attemptAt(inner, failover, next)
    },
  )
}

/** In turns, the next message begins behind whichever target one came to last: the one behind a dead one gets no more than its share. */
async function note(pass: Pass, { path, scope, start }: Failover, next: Standing): Promise<void> {
  if (start !== 'roundRobin' || next.undecided) {
    pass.noteBeside(path, next)
    return
  }
  const change: CellChange<Standing> = () => ({ value: next.target, result: next })
  await pass.updateBeside(path, scope, '', change, next)
}

function failsOver(
  { errors, path }: Failover,
  error: StoredError,
  body: unknown,
  context: StepContext,
): boolean {
  return takes(errors, error, body, context, path, 'errors')
}

/** The next target; after the last attempt, the one that the next round begins with, if the policies make one. */
function nextOf(
  { labels, attempts, start }: Failover,
  before: Standing,
  now: number,
  error: StoredError,
): Standing {
  const { target, attempt } = before
  const after = labels[(labels.indexOf(target) + 1) % labels.length] as string
  const failed = `"${target}" failed: ${error.code}`
  if (attempt < attempts)
    return { target: after, attempt: attempt + 1, now, says: `${failed}, goes to "${after}"` }
  const first = start === 'first' ? (labels[0] as string) : after
  return { target: first, attempt: 1, now, says: `${failed}, and was the last to be tried`, undecided: true }
}

function begin(pass: Pass, { path, scope, labels, start }: Failover): Promise<Standing> | Standing {
  const { now } = pass.context
  const at = (target: string): Standing => ({ target, attempt: 1, now })
  if (start === 'first') return at(labels[0] as string)
  const change: CellChange<Standing> = (present) => {
    const last = labels.indexOf(present as string)
    const target = (
      start === 'sticky' ? labels[Math.max(0, last)] : labels[(last + 1) % labels.length]
    ) as string
    return { result: at(target), ...(start === 'sticky' ? {} : { value: target }) }
  }
  return pass.updateBeside(path, scope, '', change, null)
}

/** The target that did it is where the messages after it begin. */
async function kept(
  pass: Pass,
  { path, scope }: Failover,
  before: Standing,
  stop: StepResult,
): Promise<StepResult> {
  if (stop?.kind === 'suspend') return stop
  const standing = (pass.noted(path) ?? before) as Standing
  const { target } = standing
  await pass.updateBeside<Standing>(
    path,
    scope,
    '',
    (present) => (present === target ? { result: standing } : { value: target, result: standing }),
    standing,
  )
  return stop
}
