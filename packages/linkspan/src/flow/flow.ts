import type { SourceDeclaration } from '../connect/connector.ts'
import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import {
  DEFAULT_FLOW_SETTINGS,
  type FlowSettings,
  type SourcePlace,
  type StepCode,
} from '../model/flow-definition.ts'
import type { Headers } from '../model/message.ts'
import { asPolicy, type ErrorAction, type ErrorPolicy } from '../model/policy.ts'
import { shown } from '../patterns/parts/arguments.ts'
import type { Facts, NoNames, Steps } from '../patterns/steps.ts'
import { startSteps } from './builder.ts'
import { checkName } from './names.ts'
import { callerOf, formatPlace } from './place.ts'

/** What may be said of a flow as a whole. */
export interface FlowOptions {
  /** One sentence for lists and the diagram. */
  readonly summary?: string
  /** What happens when a step fails and says nothing itself. @default ten attempts over about four minutes, then a dead letter */
  readonly onError?: ErrorAction | ErrorPolicy
  /** A message older than this is dead-lettered. @default no limit */
  readonly timeLimit?: Duration
  /** How many passes may run at once. @default 128 */
  readonly concurrency?: number
  /** The most messages of this flow kept in memory. @default 10,000 */
  readonly window?: number
  /** The most bytes of bodies of this flow kept in memory. @default 16 MiB */
  readonly windowBytes?: number
  /**
   * Where the flow's messages are kept until they have ended. `source`: in the log that they come from, which must be
   * replicated and durable by itself (Kafka); the journal then has only what must not be done twice, and what a person has to
   * look at. For flows of pure steps, calls and state. What is then promised is in docs/guide/source-log.md. @default 'journal'
   */
  readonly durability?: 'journal' | 'source'
  /** Earlier names of this flow, the oldest first: its engine state is found under them too. Let its live messages end first. */
  readonly renamedFrom?: string | readonly string[]
}

/** What may be derived from a message as it is accepted. All of it is synchronous. */
export interface SourceOptions<T> {
  /** Messages with the same key are processed in the order of acceptance; null leaves a message without one. */
  readonly key?: (body: T, source: { readonly headers: Headers }) => string | number | null | undefined
  /** Fields by which a person can search messages. */
  readonly index?: Readonly<Record<string, (body: T) => string | number | null | undefined>>
  /** The identity of a message: one seen before is answered as a duplicate and not accepted again. */
  readonly dedupe?: (body: T, source: { readonly headers: Headers }) => string | undefined
  /** How long identities are remembered. @default '30d' */
  readonly dedupeFor?: Duration
}

/** A flow that has a name and no source yet. */
export interface FlowStart {
  /** Says where the flow's messages come from; the body's type is the source's. */
  from<T>(
    source: SourceDeclaration<T>,
    options?: SourceOptions<NoInfer<T>>,
  ): Steps<T, NoNames, Facts<T, never>>
}

/**
 * Begins a flow: one source, steps and ends, typed from the source to the last step.
 * Its name is its identity in the journal, so a rename is told by `renamedFrom`.
 *
 * @throws {LinkspanError} `FLOW_INVALID` when the name is no sensible identity or an option is out of range.
 * @example
 * ```ts
 * import { flow, inbox } from 'linkspan'
 * const greet = flow('greet')
 *   .from(inbox<{ name: string }>(), { key: (person) => person.name })
 *   .map('greeting', (person) => `Hello ${person.name}`)
 * ```
 */
export function flow(name: string, options: FlowOptions = {}): FlowStart {
  const place = callerOf(flow)
  const renamedFrom = formerNames(name, options.renamedFrom)
  return {
    from: (source, sourceOptions) => {
      checkSource(name, source, place)
      return startSteps({
        name,
        renamedFrom,
        summary: options.summary ?? '',
        settings: settingsOf(name, options, sourceOptions?.dedupeFor),
        source,
        own: ownOf(options, source.schema, sourceOptions as SourceOptions<never> | undefined),
        place,
      })
    },
  }
}

function formerNames(name: string, given: string | readonly string[] = []): readonly string[] {
  const former = typeof given === 'string' ? [given] : [...given]
  for (const each of [name, ...former]) checkName(each, 'flow', 'FLOW_INVALID')
  const twice = [name, ...former].find((each, index, all) => all.indexOf(each) !== index)
  if (twice === undefined) return former
  throw new LinkspanError(
    'FLOW_INVALID',
    `The flow "${name}" lists "${twice}" twice in its names (renamedFrom).`,
  )
}

function checkSource(flowName: string, source: SourceDeclaration<unknown>, place: SourcePlace): void {
  if (
    typeof source === 'object' &&
    source !== null &&
    typeof source.kind === 'string' &&
    typeof source.name === 'string'
  )
    return
  throw new LinkspanError(
    'FLOW_INVALID',
    `The flow "${flowName}" (${formatPlace(place)}) needs a source in from(), such as inbox() or a channel, but got ${shown(source)}.`,
  )
}

function settingsOf(name: string, options: FlowOptions, dedupeFor?: Duration): FlowSettings {
  const usual = DEFAULT_FLOW_SETTINGS
  return {
    concurrency: positive(name, 'concurrency', options.concurrency ?? usual.concurrency),
    window: positive(name, 'window', options.window ?? usual.window),
    windowBytes: positive(name, 'windowBytes', options.windowBytes ?? usual.windowBytes),
    timeLimitMs: options.timeLimit === undefined ? usual.timeLimitMs : durationMs(options.timeLimit),
    dedupeForMs: dedupeFor === undefined ? usual.dedupeForMs : durationMs(dedupeFor),
    ...(isOnSourceLog(name, options.durability) ? { durability: 'source' } : {}),
  }
}

function isOnSourceLog(name: string, durability: FlowOptions['durability'] = 'journal'): boolean {
  if (durability === 'journal' || durability === 'source') return durability === 'source'
  throw new LinkspanError(
    'FLOW_INVALID',
    `The option durability of the flow "${name}" is 'journal' or 'source', not ${shown(durability)}.`,
  )
}

function positive(flowName: string, option: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new LinkspanError(
    'FLOW_INVALID',
    `The option ${option} of the flow "${flowName}" is a whole number from 1, not ${shown(value)}.`,
  )
}

function ownOf(options: FlowOptions, schema: unknown, source: SourceOptions<never> = {}): StepCode {
  const { key, index, dedupe } = source
  return {
    ...(schema === undefined ? {} : { schema }),
    ...(key === undefined ? {} : { key }),
    ...(index === undefined ? {} : { index }),
    ...(dedupe === undefined ? {} : { dedupe }),
    ...(options.onError === undefined ? {} : { onError: asPolicy(options.onError) }),
  }
}
