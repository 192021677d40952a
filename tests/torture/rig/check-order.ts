import type { FlowName, SinkKind, SinkLine } from './protocol.ts'
import { enginesOf } from './figures.ts'
import { type Logs, named, type Sent } from './sent.ts'

/** Flows whose messages may overtake each other: a delay frees the key. */
const UNORDERED: ReadonlySet<FlowName> = new Set<FlowName>(['later'])
/**
 * A request that an engine had in hand when it was stopped leaves within so long after it goes on: it has been given to
 * the connection by then, and nothing of the engine runs in between.
 */
const IN_HAND_MS = 500
/** Under a key the sink knows a request that comes late, so that nothing of it is seen. */
const MAY_BE_LATE: ReadonlySet<SinkKind> = new Set<SinkKind>(['natural', 'verify', 'none'])

/** From when to when an engine was stopped. */
interface Stop {
  readonly engine: number
  readonly from: number
  readonly to: number
}

/**
 * Of a message whose acceptance nobody saw, several engines may know another place than its sender thinks: it was given
 * up and the next one sent, to another engine, before the commit came through. One engine commits in the order of sending.
 *
 * Answers how many effects came late as no engine can prevent (docs/reliability.md): sent by an engine that had been
 * stopped for longer than its lease, right after it went on, of a message that was on its way when it was stopped.
 */
export function checkOrder(
  logs: Pick<Logs, 'sinks' | 'rig'>,
  all: ReadonlyMap<number, Sent>,
  report: (says: string) => void,
): number {
  const several = enginesOf(logs) > 1
  const stops = stopsOf(logs)
  const last = new Map<string, number>()
  let inHand = 0
  for (const line of logs.sinks) {
    if (line.t !== 'effect' || UNORDERED.has(line.flow)) continue
    const before = last.get(line.key) ?? 0
    const sent = all.get(line.n)
    const seen = (sent?.ids.size ?? 0) > 0
    if (line.n >= before) last.set(line.key, line.n)
    else if (!seen && several) continue
    else if (stops.some((stop) => wasInHand(line, sent, stop))) inHand += 1
    else report(`${named(line)} at ${line.sink} came after ${before}`)
  }
  return inHand
}

function stopsOf({ rig }: Pick<Logs, 'rig'>): readonly Stop[] {
  return rig.flatMap((line) =>
    line.t === 'continued' ? [{ engine: line.engine, from: line.at - line.ms, to: line.at }] : [],
  )
}

function wasInHand(
  { sink, from, at }: Extract<SinkLine, { t: 'effect' }>,
  sent: Sent | undefined,
  stop: Stop,
): boolean {
  return (
    MAY_BE_LATE.has(sink) &&
    from === stop.engine &&
    at >= stop.to &&
    at <= stop.to + IN_HAND_MS &&
    sent !== undefined &&
    sent.at < stop.from
  )
}
