/** What the engine that answers has counted of one flow since it started. */
export interface FlowCounts {
  accepted: number
  /** By ending. */
  readonly ended: Record<string, number>
  /** Messages by the time they took: for each bound in seconds how many took no longer. */
  readonly seconds: [bound: number, count: number][]
  /** By path. */
  readonly steps: Record<string, StepCounts>
}

/** What was counted of one step that calls. */
export interface StepCounts {
  /** By outcome. */
  readonly attempts: Record<string, number>
  readonly seconds: [bound: number, count: number][]
}

/** All counts at one moment of the engine's monotonic time. */
export interface Sample {
  /** Seconds since the engine started. */
  readonly uptime: number
  readonly flows: Readonly<Record<string, FlowCounts>>
}

type Labels = Readonly<Record<string, string>>

/** Reads `/metrics`, the Prometheus text format 0.0.4, as far as the console shows it. */
export function readSample(text: string): Sample {
  const flows: Record<string, FlowCounts> = {}
  let uptime = 0
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const { name, labels, value } = readLine(line)
    if (name === 'linkspan_uptime_seconds') uptime = value
    const { flow } = labels
    if (flow === undefined) continue
    flows[flow] ??= noCounts()
    TAKE[name]?.(flows[flow], labels, value)
  }
  return { uptime, flows }
}

const TAKE: Readonly<Record<string, (counts: FlowCounts, labels: Labels, value: number) => void>> = {
  linkspan_messages_accepted_total: (counts, _labels, value) => {
    counts.accepted = value
  },
  linkspan_messages_ended_total: ({ ended }, { ending = '' }, value) => {
    ended[ending] = value
  },
  linkspan_message_seconds_bucket: ({ seconds }, { le }, value) => void seconds.push([Number(le), value]),
  linkspan_step_attempts_total: ({ steps }, { step = '', outcome = '' }, value) => {
    stepIn(steps, step).attempts[outcome] = value
  },
  linkspan_step_seconds_bucket: ({ steps }, { step = '', le }, value) =>
    void stepIn(steps, step).seconds.push([Number(le), value]),
}

function stepIn(steps: Record<string, StepCounts>, path: string): StepCounts {
  steps[path] ??= { attempts: {}, seconds: [] }
  return steps[path]
}

function noCounts(): FlowCounts {
  return { accepted: 0, ended: {}, seconds: [], steps: {} }
}

function readLine(line: string): { readonly name: string; readonly labels: Labels; readonly value: number } {
  const open = line.indexOf('{')
  const end = line.lastIndexOf(open === -1 ? ' ' : '}')
  const name = line.slice(0, open === -1 ? end : open)
  const value = line.slice(end + 1).trim()
  const labels = open === -1 ? {} : labelsOf(line.slice(open + 1, end))
  return { name, labels, value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value) }
}

const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g
const ESCAPES: Readonly<Record<string, string>> = { n: '\n' }

function labelsOf(text: string): Labels {
  return Object.fromEntries(
    [...text.matchAll(LABEL)].map(([, name = '', value = '']) => [
      name,
      name === 'le' && value === '+Inf'
        ? 'Infinity'
        : value.replace(/\\(.)/g, (_, char: string) => ESCAPES[char] ?? char),
    ]),
  )
}
