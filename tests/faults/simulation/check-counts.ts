import type { Evidence, Known, Report } from './evidence.ts'
import { SENT_TO } from './beginnings.ts'
import type { Observation } from './observe.ts'

/** What the engine counts must be what it lists, what it lists must be what was accepted, before and after a restart. */
export function checkCounts(evidence: Evidence, known: ReadonlyMap<number, Known>, report: Report): void {
  const { observed, again } = evidence
  checkListed(evidence, known, report)
  checkAdded(observed, 'the engine', report)
  checkAdded(again, 'the engine that was started after it', report)
  const left = stateById(observed)
  const found = stateById(again)
  for (const [id, state] of left)
    if (found.get(id) !== state)
      report('ledger', `${id} was ${state}, and is ${found.get(id) ?? 'unknown'} after a restart`)
  // A schedule runs on.
  for (const [id, state] of found)
    if (!left.has(id) && !isTick(again, id))
      report('ledger', `${id} (${state}) is there after a restart only`)
}

const stateById = ({ messages }: Observation): ReadonlyMap<string, string> =>
  new Map(messages.map(({ id, state }) => [id, state]))

const isTick = ({ messages }: Observation, id: string): boolean =>
  messages.some((message) => message.id === id && message.flow === 'ticks')

function checkListed(
  { observed, effects, sent }: Evidence,
  known: ReadonlyMap<number, Known>,
  report: Report,
): void {
  const ids = new Set([...known.values()].map(({ id }) => id))
  const sentTo: ReadonlySet<string> = new Set(SENT_TO)
  const caused = new Set(effects.map(({ messageId }) => messageId))
  const called = sent.filter(({ flow }) => flow === 'told').length
  for (const { id, flow, state } of observed.messages) {
    if (isChild(id)) continue
    if (sentTo.has(flow) && !ids.has(id))
      report('unfounded', `the engine has ${flow} ${id}, which nobody sent`)
    if (!sentTo.has(flow) && flow !== CONTROL && state === 'done' && !caused.has(id))
      report('missing', `${flow} ${id} is done and had no effect`)
    if (state === 'active' || state === 'waiting') report('stuck', `${flow} ${id} is ${state}`)
  }
  for (const [name, by] of [
    ['relayed', ['relay']],
    ['heard', ['relay']],
    ['raised', ['waits', 'managed']],
  ] as const) {
    const put = [...known.values()].filter(({ sent }) => by.some((flow) => flow === sent.flow)).length
    const count = observed.messages.filter(({ flow }) => flow === name).length
    if (count !== put) report('ledger', `${put} were put on the channel, and "${name}" has ${count}`)
  }
  const raised = observed.messages.filter(({ flow }) => flow === CONTROL).length
  if (raised !== called)
    report('ledger', `${called} events were raised from outside, once for the engine, which has ${raised}`)
}

/** The engine's own flow. */
const CONTROL = 'linkspan.control'

const isChild = (id: string): boolean => id.includes('~')

function checkAdded({ status, messages }: Observation, who: string, report: Report): void {
  for (const [part, belongs] of [
    ['messages', (id: string) => !isChild(id)],
    ['children', isChild],
  ] as const) {
    const listed: Record<string, number> = {}
    for (const { id, state } of messages) if (belongs(id)) listed[state] = (listed[state] ?? 0) + 1
    for (const [state, count] of Object.entries(status[part]))
      if (count !== (listed[state] ?? 0))
        report('ledger', `${who} counts ${count} ${part} that are ${state}, and lists ${listed[state] ?? 0}`)
  }
}
