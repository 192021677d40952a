import type { CellChange, CellChanged, Pass } from '../pattern.ts'

/** When a circuit opens and closes, as a step's options have it. Rates are per cent, times milliseconds. */
export interface CircuitRules {
  /** How many of the last attempts are looked at; null where it is a stretch of time. */
  readonly windowCalls: number | null
  readonly windowMs: number | null
  readonly minimum: number
  readonly failureRate: number
  readonly slowRate: number
  /** After which time an attempt is slow; null: none is. */
  readonly slowMs: number | null
  readonly openMs: number
  readonly trials: number
  /** How long it may take to try whether it can be closed; null: as long as it takes. */
  readonly trialMs: number | null
  /** How many that waited ask again in a second; null where none waits. */
  readonly resume: number | null
}

/** What a circuit is. */
export type CircuitState = 'closed' | 'open' | 'halfOpen'

/** Attempts in a stretch of time: when it began, how many, how many of them failed, how many were slow. */
type Bucket = readonly [from: number, calls: number, failed: number, slow: number]

/** A circuit in the journal. */
type CircuitCell = {
  readonly state: CircuitState
  /** Counts the changes of state: what was let through in another era is not counted in this one. */
  readonly era: number
  readonly since: number
  /** The last attempts, a digit each: 0, +1 when it failed, +2 when it was slow. Unused in a window of time. */
  readonly calls: string
  readonly buckets: readonly Bucket[]
  /** Who tries whether it can be closed. */
  readonly trying: readonly string[]
  /** When the last one that waits asks again. */
  readonly line: number
}

/** What a message finds that comes to a circuit. */
export type Asked = {
  readonly did: 'let' | 'refused'
  readonly at: number
  readonly era: number
  /** When it may be asked again, where it was refused. */
  readonly until: number
  /** The state that the circuit is in now, and whether this message has changed it. */
  readonly state: CircuitState
  readonly changed: boolean
}

/** How an attempt went: it failed or not, or says nothing of the system behind. */
export type Verdict = 'done' | 'failed' | 'ignored'

/** What became of a circuit by an attempt. */
export type Reported = {
  readonly counted: boolean
  readonly slow: boolean
  readonly state: CircuitState
  readonly changed: boolean
}

/** What is done nothing with for so long beyond its times is forgotten. */
const FORGET_MS = 86_400_000
/** A window of time forgets in so many steps. */
const PARTS = 32
/** How long before one asks again that was refused while others try. */
const AGAIN_MS = 1_000

/** Asks a circuit whether a message may go through. One that may already, as it died before it could, still may. */
export function askCircuit(id: string, rules: CircuitRules, endingOf: Pass['endingOf']): CellChange<Asked> {
  return async (present, at) => {
    const stored = (present as CircuitCell | null) ?? fresh(at)
    const cell = readyToTry(stored, rules, at)
    const changed = cell !== stored
    if (cell.state === 'closed') return { result: asked('let', cell, at, at, changed) }
    if (cell.state === 'open') return refused(cell, openUntil(cell, rules), at, rules, changed)
    const trying = await stillTrying(cell, id, rules, endingOf)
    const isIn = trying.includes(id)
    if (!isIn && roomIn(cell, trying, rules) <= 0)
      return refused({ ...cell, trying }, at + AGAIN_MS, at, rules, changed)
    const tried = { ...cell, trying: isIn ? trying : [...trying, id] }
    return { ...kept(tried, rules, at), result: asked('let', tried, at, at, changed) }
  }
}

/** Tells a circuit how an attempt went that it let through. */
export function reportTo(
  id: string,
  attempt: { readonly at: number; readonly era: number; readonly verdict: Verdict },
  rules: CircuitRules,
): CellChange<Reported> {
  return (present, at) => {
    const cell = (present as CircuitCell | null) ?? { ...fresh(at), era: attempt.era }
    const slow = rules.slowMs !== null && at - attempt.at > rules.slowMs
    const isTrial = cell.state === 'halfOpen'
    const isOurs = cell.era === attempt.era && (!isTrial || cell.trying.includes(id))
    const result = { counted: false, slow, state: cell.state, changed: false }
    if (!isOurs || cell.state === 'open') return { result }
    const left = { ...cell, trying: cell.trying.filter((other) => other !== id) }
    if (attempt.verdict === 'ignored') return isTrial ? { ...kept(left, rules, at), result } : { result }
    const next = judged(counted(left, attempt.verdict === 'failed', slow, at, rules), rules, at)
    return {
      ...kept(next, rules, at),
      result: { counted: true, slow, state: next.state, changed: next.state !== cell.state },
    }
  }
}

function fresh(at: number): CircuitCell {
  return { state: 'closed', era: 0, since: at, calls: '', buckets: [], trying: [], line: 0 }
}

function become(state: CircuitState, { era, line }: CircuitCell, at: number): CircuitCell {
  return { ...fresh(at), state, era: era + 1, line }
}

/** An open circuit whose time is over is tried, and one that is tried for too long is open again. */
function readyToTry(cell: CircuitCell, rules: CircuitRules, at: number): CircuitCell {
  if (cell.state === 'open' && at >= openUntil(cell, rules)) return become('halfOpen', cell, at)
  const isOver = cell.state === 'halfOpen' && rules.trialMs !== null && at >= cell.since + rules.trialMs
  return isOver ? become('open', cell, at) : cell
}

function openUntil({ since }: CircuitCell, { openMs }: CircuitRules): number {
  return since + openMs
}

/** Where there is no room, who has ended without a word tries no longer. */
async function stillTrying(
  cell: CircuitCell,
  id: string,
  rules: CircuitRules,
  endingOf: Pass['endingOf'],
): Promise<readonly string[]> {
  const { trying } = cell
  if (trying.includes(id) || roomIn(cell, trying, rules) > 0) return trying
  const endings = await Promise.all(trying.map(endingOf))
  return trying.filter((_other, at) => endings[at] === 'live')
}

function roomIn(cell: CircuitCell, trying: readonly string[], { trials }: CircuitRules): number {
  return trials - cell.calls.length - trying.length
}

/** Those that wait ask again one after the other, from when it makes sense. */
function refused(
  cell: CircuitCell,
  from: number,
  at: number,
  rules: CircuitRules,
  changed: boolean,
): CellChanged<Asked> {
  if (rules.resume === null) {
    const result = asked('refused', cell, at, from, changed)
    return changed ? { ...kept(cell, rules, at), result } : { result }
  }
  const line = Math.max(from, cell.line + Math.ceil(1_000 / rules.resume))
  const queued = { ...cell, line }
  return { ...kept(queued, rules, at), result: asked('refused', queued, at, line, changed) }
}

function asked(
  did: Asked['did'],
  { era, state }: CircuitCell,
  at: number,
  until: number,
  changed: boolean,
): Asked {
  return { did, at, era, until, state, changed }
}

function kept(
  cell: CircuitCell,
  { windowMs, openMs, trialMs }: CircuitRules,
  at: number,
): { readonly value: CircuitCell; readonly until: number } {
  const longest = Math.max(windowMs ?? 0, openMs, trialMs ?? 0, cell.line - at)
  return { value: cell, until: at + longest + FORGET_MS }
}

/** A circuit with one more attempt in its window; while it is tried, the window is as many attempts as are let through. */
function counted(
  cell: CircuitCell,
  failed: boolean,
  slow: boolean,
  at: number,
  rules: CircuitRules,
): CircuitCell {
  const digit = (failed ? 1 : 0) + (slow ? 2 : 0)
  if (cell.state === 'halfOpen') return { ...cell, calls: `${cell.calls}${digit}` }
  if (rules.windowCalls !== null) return { ...cell, calls: `${cell.calls}${digit}`.slice(-rules.windowCalls) }
  return { ...cell, buckets: inBucket(cell.buckets, failed, slow, at, rules.windowMs as number) }
}

function inBucket(
  buckets: readonly Bucket[],
  failed: boolean,
  slow: boolean,
  at: number,
  windowMs: number,
): readonly Bucket[] {
  const width = Math.max(1, Math.floor(windowMs / PARTS))
  const from = at - (at % width)
  const recent = buckets.filter(([began]) => began > at - windowMs && began !== from)
  const [, calls, failures, slowOnes] = buckets.find(([began]) => began === from) ?? [from, 0, 0, 0]
  return [...recent, [from, calls + 1, failures + (failed ? 1 : 0), slowOnes + (slow ? 1 : 0)]]
}

/** Opens or closes a circuit, where enough attempts say so. */
function judged(cell: CircuitCell, rules: CircuitRules, at: number): CircuitCell {
  const { calls, failed, slow } = totalOf(cell)
  const most = cell.state === 'halfOpen' ? rules.trials : (rules.windowCalls ?? Number.POSITIVE_INFINITY)
  if (calls < Math.min(rules.minimum, most)) return cell
  const isBad = failed * 100 >= rules.failureRate * calls
  const isSlow = rules.slowMs !== null && slow * 100 >= rules.slowRate * calls
  if (isBad || isSlow) return become('open', cell, at)
  return cell.state === 'halfOpen' ? become('closed', cell, at) : cell
}

function totalOf({ calls, buckets }: CircuitCell): {
  readonly calls: number
  readonly failed: number
  readonly slow: number
} {
  const digits = [...calls].map(Number)
  const sum = (of: 1 | 2 | 3): number => buckets.reduce((all, bucket) => all + bucket[of], 0)
  return {
    calls: digits.length + sum(1),
    failed: digits.filter((digit) => digit % 2 === 1).length + sum(2),
    slow: digits.filter((digit) => digit >= 2).length + sum(3),
  }
}
