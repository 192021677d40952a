/** Batches by Camel's rule of their time, or by Linkspan's. */
import type { Case, Outcome, Seen, Sent, Step } from '../case.ts'
import { runSteps } from './steps.ts'

/** A rule that can be Camel's or Linkspan's. */
export type BatchRule = 'batch-time-from-first' | 'batch-counts-what-goes-on'

type Resequence = Extract<Step, { do: 'resequence' }>

/** Answers which messages go on together, and when. */
export function batchesOfMessages(one: Case, rules: ReadonlySet<string>): Outcome | null {
  const [step, ...behind] = one.steps
  if (step?.do !== 'resequence' || step.batch === undefined) return null
  const { size, twice } = step.batch
  const is = (rule: BatchRule): boolean => rules.has(rule)
  const seen: Seen[] = []
  let waiting: Sent[] = []
  const send = (now: number): void => {
    for (const { body } of inOrder(step, waiting))
      runSteps(behind, { ...body }, (each) => seen.push({ ...each, tick: Math.floor(now) }))
    waiting = []
  }
  const passTime = (until: number): void => {
    const since = waiting.at(is('batch-time-from-first') ? 0 : -1)
    if (since !== undefined && since.at + step.timeout <= until) send(since.at + step.timeout)
  }
  for (const sent of one.messages) {
    passTime(sent.at)
    const isSecond = !twice && waiting.some(({ body }) => body.n === sent.body.n)
    if (isSecond && is('batch-counts-what-goes-on')) continue
    waiting.push(sent)
    if (waiting.length >= size) send(sent.at)
  }
  passTime(one.ticks)
  return { seen, ends: one.messages.map(() => 'ended') }
}

function inOrder({ batch }: Resequence, waiting: readonly Sent[]): readonly Sent[] {
  const sign = batch?.reverse === true ? -1 : 1
  const sorted = waiting.toSorted((a, b) => sign * (a.body.n - b.body.n))
  return batch?.twice === true
    ? sorted
    : sorted.filter((each, index) => each.body.n !== sorted[index - 1]?.body.n)
}
