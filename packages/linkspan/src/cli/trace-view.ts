import type { Trace, TraceAttempt, TraceStep } from '../index.ts'
import { formatDuration } from '../model/duration.ts'
import type { StoredError } from '../model/errors.ts'
import { differenceLines, fieldDifferences } from './field-differences.ts'
import { stateTone } from './message-list.ts'
import type { Output } from './output.ts'
import type { Style, Tone } from './style.ts'
import { clean, counted, oneLine, truncate } from './text.ts'
import { formatTime } from './time.ts'

/** What is left out of a trace. */
export interface TraceViewOptions {
  /** Print bodies, requests and results whole. */
  readonly full: boolean
}

const SHORT = 200

interface View {
  readonly style: Style
  readonly width: number
  readonly line: (text: string) => void
}

/** Prints a trace as a tree: each step with what it changed, its outcome, attempts and time. */
export function showTrace(out: Output, trace: Trace, options: TraceViewOptions): void {
  const width = options.full ? Number.POSITIVE_INFINITY : Math.min(out.width, SHORT)
  const view: View = { style: out.style, width, line: (text) => out.line(text) }
  showMessage(view, trace)
  showSteps(view, trace.steps)
  if (trace.reply !== null) view.line(fit(view, `reply  ${oneLine(trace.reply)}`))
  if (trace.unfinished !== null)
    view.line(view.style('warn', `The steps could not be recomputed further: ${faultText(trace.unfinished)}`))
  showNotes(view, trace)
  showChildren(view, trace)
}

function fit({ width }: View, text: string): string {
  return truncate(text, width)
}

function showMessage(view: View, { message, parent }: Trace): void {
  const { style, line } = view
  const tone = stateTone(message.state)
  const state = tone === null ? message.state : style(tone, message.state)
  line(`${style('strong', clean(message.id))}  ${clean(message.flow)}  ${state}`)
  const took =
    message.endedAt === null
      ? ''
      : `, ended ${formatTime(message.endedAt)} after ${formatDuration(message.endedAt - message.acceptedAt)}`
  line(`accepted ${formatTime(message.acceptedAt)}${took}`)
  if (message.key !== null) line(fit(view, `key      ${clean(message.key)}`))
  if (parent !== null) line(`parent   ${clean(parent)}`)
  if (message.reason !== null)
    line(
      `waits    ${waitText(message)}${message.wakeAt === null ? '' : ` until ${formatTime(message.wakeAt)}`}`,
    )
  line(`attempt  ${message.attempt}, code version ${clean(message.codeVersion)}`)
  if (message.error !== null) line(style('bad', `error    ${faultText(message.error)}`))
  line(
    message.bodyLost
      ? style('bad', 'body     lost: its record is damaged or pruned')
      : fit(view, `body     ${oneLine(message.body)}`),
  )
}

function waitText({ reason, budget, waitsAt }: Trace['message']): string {
  if (budget !== undefined) return `for the budget of ${clean(budget)}`
  return waitsAt === undefined ? `${reason}` : `${reason} at ${clean(waitsAt)}`
}

function showSteps(view: View, steps: readonly TraceStep[]): void {
  const depths = steps.map((step) => depthOf(step, steps))
  for (const [at, step] of steps.entries()) {
    const depth = depths[at] ?? 0
    const rails = Array.from({ length: depth }, (_, outer) =>
      goesOn(depths, at, outer) ? '│  ' : '   ',
    ).join('')
    const more = goesOn(depths, at, depth)
    showStep(view, step, `${rails}${more ? '├─ ' : '└─ '}`, `${rails}${more ? '│  ' : '   '}`)
  }
}

/** Whether a later step lies at this depth, before the scope around it ends. */
function goesOn(depths: readonly number[], at: number, depth: number): boolean {
  return depths.slice(at + 1).find((later) => later <= depth) === depth
}

/** How many steps of the trace a step lies inside of. */
function depthOf({ path }: TraceStep, steps: readonly TraceStep[]): number {
  return new Set(steps.map((other) => other.path).filter((other) => path.startsWith(`${other}/`))).size
}

const TONES: Readonly<Record<TraceStep['outcome'], Tone>> = {
  done: 'good',
  filtered: 'dim',
  failed: 'bad',
  inDoubt: 'bad',
  waiting: 'warn',
  ignored: 'warn',
  skipped: 'dim',
  unknown: 'warn',
}

function showStep(view: View, step: TraceStep, branch: string, indent: string): void {
  const { style, line } = view
  const attempts = withoutIntents(step.attempts)
  const facts = [
    style(TONES[step.outcome], step.outcome),
    step.guarantee === null ? '' : `guarantee ${step.guarantee}`,
    attempts.length > 1 ? counted(attempts.length, 'attempt') : '',
    step.durationMs === null ? '' : formatDuration(step.durationMs),
    step.at === null ? '' : style('dim', formatTime(step.at)),
  ]
  const head = `${style('strong', clean(step.path))}  ${style('dim', step.kind)}`
  line(`${branch}${[head, ...facts.filter((fact) => fact !== '')].join('  ')}`)
  const inner = { ...view, width: view.width - indent.length - 2 }
  for (const text of changeLines(inner, step)) line(`${indent}  ${text}`)
  for (const attempt of attempts) showAttempt(inner, attempt, attempts.length > 1, `${indent}  `)
}

/** The record of an attempt's beginning says nothing more once its outcome follows. */
function withoutIntents(attempts: readonly TraceAttempt[]): readonly TraceAttempt[] {
  return attempts.filter(({ outcome, mark }, at) => outcome !== 'sent' || attempts[at + 1]?.mark !== mark)
}

const MANY_FIELDS = 12

function changeLines({ style, width }: View, { input, output, outcome }: TraceStep): readonly string[] {
  if (outcome !== 'done' || output === null) return []
  const differences = fieldDifferences(input, output)
  if (differences.length > MANY_FIELDS)
    return [
      style('removed', truncate(`- ${oneLine(input)}`, width)),
      style('added', truncate(`+ ${oneLine(output)}`, width)),
    ]
  return differenceLines(differences, style, width)
}

function showAttempt(view: View, attempt: TraceAttempt, many: boolean, indent: string): void {
  const { style, line } = view
  const inner = many ? `${indent}  ` : indent
  if (many) {
    const tone: Tone = attempt.outcome === 'done' ? 'good' : attempt.outcome === 'failed' ? 'bad' : 'warn'
    const time = attempt.durationMs === null ? '' : `  ${formatDuration(attempt.durationMs)}`
    line(`${indent}${formatTime(attempt.at)}  ${style(tone, attempt.outcome)}${time}`)
  }
  if (attempt.request !== null) line(`${inner}${fit(view, `→ ${oneLine(attempt.request)}`)}`)
  if (attempt.result !== null) line(`${inner}${fit(view, `← ${oneLine(attempt.result)}`)}`)
  if (attempt.mark !== null && attempt.outcome !== 'done') line(`${inner}mark ${clean(attempt.mark)}`)
  if (attempt.error !== null) line(`${inner}${style('bad', faultText(attempt.error))}`)
}

/** A stored error with its causes on one line. */
export function faultText({ code, message, causes }: StoredError): string {
  const because = causes.filter((cause) => !message.includes(cause.message)).map((cause) => cause.message)
  return clean([`${code}: ${message}`, ...because].join(' because: '))
}

function showNotes(view: View, { notes }: Trace): void {
  for (const { at, what, note } of notes)
    view.line(`${formatTime(at)}  ${view.style('warn', what)}${note === '' ? '' : `: ${clean(note)}`}`)
}

const SHOWN_CHILDREN = 20

function showChildren({ style, line }: View, { children }: Trace): void {
  if (children.length === 0) return
  line(counted(children.length, 'child', 'children'))
  for (const { id, state } of children.slice(0, SHOWN_CHILDREN)) {
    const tone = stateTone(state)
    line(`  ${clean(id)}  ${tone === null ? state : style(tone, state)}`)
  }
  if (children.length > SHOWN_CHILDREN)
    line(
      style('dim', `  and ${counted(children.length - SHOWN_CHILDREN, 'more', 'more')}; --json has them all`),
    )
}
