import type { Cell, Effects, Ended, Outcome, Trace } from './outcome.ts'

/** What may differ between an undisturbed run and a disturbed one without a flaw. */
export interface Allowance {
  /** Families of messages that took another way for a stated reason; their effects still must not be doubled. */
  readonly otherWay: ReadonlySet<number>
  /** The delivery that came twice, when it did. Its second message may have ended as a repeated one. */
  readonly twice: number | null
  /** Whether outcomes whose call is unknown could have been made again. */
  readonly unknowns: boolean
  /** True when the order of a key was changed, so that another outcome is right. */
  readonly otherOrder: boolean
}

/** How a run differs from the undisturbed one where it must not, one line each. */
export function differences(before: Outcome, after: Outcome, allowed: Allowance): readonly string[] {
  const general = [
    ...after.disorder,
    ...after.doubts.filter((doubt) => !doubt.allowed).map((doubt) => notAllowed(doubt, after)),
    ...stillLive(after),
  ]
  if (allowed.otherOrder) return general
  return [
    ...general,
    ...endings(before.ended, after.ended, allowed),
    ...traces('', before.refused, after.refused, allowed),
    ...[...before.effects].flatMap(([name, effects]) =>
      effectsOf(name, effects, after.effects.get(name) as Effects, allowed),
    ),
    ...(allowed.otherWay.size > 0 ? [] : cells(before.cells, after.cells)),
  ]
}

function notAllowed({ id, operation, path }: Outcome['doubts'][number], { names }: Outcome): string {
  return `${names.name(id)} was in doubt about ${operation} in "${path}", whose guarantee rules that out`
}

function stillLive({ ended }: Outcome): readonly string[] {
  return ended.filter(({ ending }) => ending === 'still live').map(({ what }) => `${what} never ended`)
}

function endings(before: readonly Ended[], after: readonly Ended[], allowed: Allowance): readonly string[] {
  const { missing, extra } = multisetDifference(before, after, allowed)
  const wrongExtra = extra.filter((trace) => !isRepeat(trace as Ended, allowed))
  return [
    ...missing.map(({ text }) => `undisturbed, ${text}`),
    ...wrongExtra.map(({ text }) => `now, ${text}`),
  ]
}

/** The second message of a delivery that came twice ends as a repeated one, or like the first. */
function isRepeat({ family, ending }: Ended, { twice }: Allowance): boolean {
  return family === twice && (ending === 'filtered' || ending === 'done')
}

function traces(
  what: string,
  before: readonly Trace[],
  after: readonly Trace[],
  allowed: Allowance,
): readonly string[] {
  const { missing, extra } = multisetDifference(before, after, allowed)
  return [
    ...missing.map(({ text }) => `undisturbed only: ${what}${text}`),
    ...extra.map(({ text }) => `now only: ${what}${text}`),
  ]
}

function effectsOf(name: string, before: Effects, after: Effects, allowed: Allowance): readonly string[] {
  const counted = counts(before.effects)
  const now = counts(after.effects)
  const lines: string[] = []
  for (const [key, { trace, count }] of counted) {
    const { otherWay } = allowed
    if (!now.has(key) && !otherWay.has(trace.family))
      lines.push(`${name} was not applied ${shown(trace, count, 0)}`)
  }
  for (const [key, { trace, count }] of now) {
    const expected = counted.get(key)?.count ?? 0
    const line = wrongCount(name, trace, expected, count, before, allowed)
    if (line !== null) lines.push(line)
  }
  if (before.guarantee === 'natural' && before.state !== after.state && allowed.otherWay.size === 0)
    lines.push(`${name} left the state ${after.state}, undisturbed ${before.state}`)
  return lines
}

function wrongCount(
  name: string,
  trace: Trace,
  expected: number,
  count: number,
  { guarantee, atLeastOnce }: Effects,
  { otherWay, unknowns }: Allowance,
): string | null {
  if (expected === 0 && count === 1)
    return otherWay.has(trace.family) ? null : `${name} was applied ${shown(trace, 0, 1)}`
  if (count < expected)
    return otherWay.has(trace.family)
      ? null
      : `${name} was applied too seldom ${shown(trace, expected, count)}`
  const mayRepeat = guarantee === 'natural' || (atLeastOnce && unknowns)
  if (count <= Math.max(1, expected) || (mayRepeat && expected > 0)) return null
  return `${name} was doubled ${shown(trace, expected, count)}`
}

function shown({ family, text }: Trace, expected: number, count: number): string {
  return `with ${text} for message ${family}: ${count} instead of ${expected} times`
}

function cells(before: ReadonlyMap<string, Cell>, after: ReadonlyMap<string, Cell>): readonly string[] {
  const lines: string[] = []
  for (const [key, { text, value, expires }] of before) {
    const now = after.get(key)
    if (!now && !expires) lines.push(`${text} is gone, undisturbed it is ${value}`)
    if (now && now.value !== value) lines.push(`${text} is ${now.value}, undisturbed ${value}`)
  }
  for (const [key, { text, value, expires }] of after)
    if (!before.has(key) && !expires) lines.push(`${text} is ${value}, undisturbed it is not there`)
  return lines
}

interface Counted {
  readonly trace: Trace
  count: number
}

function counts(traces: readonly Trace[]): Map<string, Counted> {
  const found = new Map<string, Counted>()
  for (const trace of traces) {
    const key = `${trace.family}\n${trace.text}`
    const counted = found.get(key)
    if (counted) counted.count += 1
    else found.set(key, { trace, count: 1 })
  }
  return found
}

function multisetDifference(
  before: readonly Trace[],
  after: readonly Trace[],
  { otherWay }: Allowance,
): { readonly missing: readonly Trace[]; readonly extra: readonly Trace[] } {
  const left = counts(before)
  const extra: Trace[] = []
  for (const trace of after) {
    const counted = left.get(`${trace.family}\n${trace.text}`)
    if (counted && counted.count > 0) counted.count -= 1
    else extra.push(trace)
  }
  const missing = [...left.values()].filter(({ count }) => count > 0).map(({ trace }) => trace)
  const judged = (trace: Trace): boolean => !otherWay.has(trace.family)
  return { missing: missing.filter(judged), extra: extra.filter(judged) }
}
