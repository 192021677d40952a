import type { Evidence, Report } from './evidence.ts'
import { TICK_MS, TICKS_MADE_UP } from './flows.ts'

/** A schedule counts missed times up to about here: of the latest ones, those that it makes up are none of them. */
const COUNTED = 10_000 - TICKS_MADE_UP

/** Each time of the schedule runs once at most, and each run says truly which one was before it and what was missed. */
export function checkTicks({ effects, observed }: Evidence, report: Report): void {
  const runs = effects
    .filter(({ input }) => input.flow === 'ticks')
    .map(({ input }) => ({ at: input.n, before: input.item, missed: input.value }))
    .toSorted((a, b) => a.at - b.at)
  runs.forEach(({ at, before, missed }, index) => {
    const earlier = runs[index - 1]
    const name = new Date(at).toISOString()
    if (earlier?.at === at) report('doubled', `the tick of ${name} ran twice`)
    const wanted = earlier === undefined ? '' : new Date(earlier.at).toISOString()
    if (before !== wanted)
      report('missing', `the tick of ${name} says that "${before}" was before it, not "${wanted}"`)
    const between = earlier === undefined ? missed : (at - earlier.at) / TICK_MS - 1
    if (Math.min(missed, COUNTED) !== Math.min(between, COUNTED))
      report('missing', `the tick of ${name} says ${missed} were missed, not ${between}`)
  })
  const taken = observed.messages.filter(({ flow, state }) => flow === 'ticks' && state === 'done').length
  if (taken !== runs.length)
    report('ledger', `${runs.length} ticks took effect, and the engine has ${taken} of them`)
}
