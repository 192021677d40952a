import { isLinkspanError, LinkspanError } from '../model/errors.ts'
import { DEFINITION_FORMAT, type FlowDefinition, type StepNode, walkSteps } from '../model/flow-definition.ts'
import { CONTROL_FLOW, CONTROL_STEP, type ControlOrder, raising } from '../patterns/control.ts'
import type { Flow } from '../patterns/steps.ts'
import type { EventDeclaration } from '../patterns/wait-for.ts'
import type { GroupsCompleted } from './admin-api.ts'
import type { Intake } from './engine-api.ts'
import { unknownFlow } from './flows-by-name.ts'
import type { Accepted, SendEventOptions, SendOptions } from './sending.ts'

const DAY_MS = 86_400_000

const DEFINITION: FlowDefinition = {
  format: DEFINITION_FORMAT,
  name: CONTROL_FLOW,
  renamedFrom: [],
  summary: 'What is asked of the engine from outside: events that are raised, groups that are completed.',
  source: {
    kind: 'push',
    connector: 'inbox',
    connection: null,
    name: 'inbox',
    options: {},
    keyed: false,
    deduped: false,
    index: [],
  },
  settings: {
    concurrency: 128,
    window: 10_000,
    windowBytes: 16 * 1_048_576,
    timeLimitMs: null,
    dedupeForMs: 30 * DAY_MS,
  },
  steps: [CONTROL_STEP],
  fallback: null,
}

const CONTROL: Flow = {
  definition: DEFINITION,
  code: new Map([[CONTROL_STEP.name, {}]]),
  source: { kind: 'push', connector: 'inbox', name: 'inbox', options: {} },
  own: {},
  codeVersion: 'linkspan.control-1',
  places: new Map(),
}

/** The flows of a project, with the engine's own where they have something that can be asked for from outside. */
export function withControl(flows: readonly Flow[]): readonly Flow[] {
  const isAsked = flows.some((flow) => eventsOf([flow]).size > 0 || aggregatesOf(flow).length > 0)
  return isAsked ? [...flows, CONTROL] : flows
}

/** The events that flows wait for or raise, by name. */
export function eventsOf(flows: Iterable<Flow>): ReadonlyMap<string, EventDeclaration<unknown>> {
  const events = new Map<string, EventDeclaration<unknown>>()
  for (const { code } of flows)
    for (const step of code.values()) {
      const event = step['event'] as Partial<EventDeclaration<unknown>> | undefined
      if (event?.kind !== 'event') continue
      // Who raises it says how it is checked and kept, where two declarations of one name differ.
      const { name } = event as EventDeclaration<unknown>
      if (!events.has(name) || step['value'] !== undefined)
        events.set(name, event as EventDeclaration<unknown>)
    }
  return events
}

/** An aggregate step. */
export interface Aggregate {
  readonly path: string
  readonly node: StepNode
}

/** The aggregate steps of a flow with their paths. */
export function aggregatesOf({ definition }: Flow): readonly Aggregate[] {
  const found: Aggregate[] = []
  const visit = (node: StepNode, path: string): void => {
    if (node.kind === 'aggregate') found.push({ path, node })
  }
  walkSteps(definition.steps, visit)
  walkSteps(definition.fallback ?? [], visit, 'onError')
  return found
}

/** What can be asked of an engine from outside. */
export interface ControlBus {
  /** Raises an event; resolves when that is committed. Rejects with `EVENT_UNKNOWN`, and with `BODY_INVALID` when its schema refuses it. */
  raise(event: string, key: string | number, value: unknown, options?: SendEventOptions): Promise<Accepted>
  /** Has groups completed, as {@link Admin.completeGroups} says. */
  completeGroups(flow: string, step: string, key: string | null): Promise<GroupsCompleted>
}

type Send = (flow: string, body: unknown, options?: SendOptions) => Promise<Accepted>

type Reply = Intake['reply']

const ANSWER_WITHIN_MS = 5_000

async function groupsOf(reply: ReturnType<Reply>): Promise<number | null> {
  try {
    return ((await reply)?.reply as { readonly groups: number } | undefined)?.groups ?? null
  } catch (error) {
    if (isLinkspanError(error, 'REPLY_TIMED_OUT')) return null
    throw error
  }
}

/** Makes the door for what is asked from outside. */
export function createControlBus(flows: ReadonlyMap<string, Flow>, send: Send, reply: Reply): ControlBus {
  const events = eventsOf(flows.values())

  const raise: ControlBus['raise'] = async (name, given, value, options = {}) => {
    const event = events.get(name)
    if (!event) throw unknownEvent(name, [...events.keys()])
    const { body, key } = raising(event, given, value)
    return send(CONTROL_FLOW, body, { ...options, key })
  }

  const completeGroups: ControlBus['completeGroups'] = async (name, step, key) => {
    const flow = flows.get(name)
    if (!flow) throw unknownFlow(name, [...flows.keys()])
    const { id } = await send(CONTROL_FLOW, completion(flow, step, key))
    return { id, groups: await groupsOf(reply(id, { timeoutMs: ANSWER_WITHIN_MS })) }
  }

  return { raise, completeGroups }
}

/** The message that completes groups of a step. Throws `STEP_UNKNOWN`. */
export function completion(
  flow: Flow,
  step: string,
  key: string | null,
): Extract<ControlOrder, { readonly do: 'complete' }> {
  const { name } = flow.definition
  const aggregates = aggregatesOf(flow)
  const found = aggregates.find(({ path }) => path === step)
  if (!found) throw noAggregate(name, step, aggregates)
  return { do: 'complete', flow: name, step, scope: found.node.options['scope'] as string, key }
}

function unknownEvent(name: string, known: readonly string[]): LinkspanError {
  return new LinkspanError(
    'EVENT_UNKNOWN',
    `No flow waits for or raises an event "${name}". There are: ${known.join(', ') || 'none'}.`,
    { details: { event: name } },
  )
}

function noAggregate(flow: string, step: string, known: readonly Aggregate[]): LinkspanError {
  const all = known.map(({ path }) => path).join(', ') || 'none'
  return new LinkspanError(
    'STEP_UNKNOWN',
    `The flow "${flow}" has no aggregate step "${step}". It has: ${all}.`,
    { details: { flow, step } },
  )
}
