import type { MessageReader, StoredMessage } from '../journal/journal.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Headers, Json } from '../model/message.ts'
import type { CallRequest, CellChange, SpawnOutcome, SpawnPlan, StepResult } from '../patterns/pattern.ts'
import type { CallState } from './calls/call-state.ts'
import { childrenInOrder, scopesOf } from './children.ts'
import { type CompiledFlow, entryAt } from './compile.ts'
import { unwrapFinal } from './pass/failures.ts'
import { type Interrupt, isInterrupt } from './pass/interrupt.ts'
import { settled } from './json.ts'
import { type Bound, recordOf, toLoaded } from './loaded.ts'
import { MessagePass, type PassPorts } from './pass/pass.ts'
import type { Entry } from './record.ts'
import type { PassObserver } from './pass/running-pass.ts'

/** The recomputation cannot go on here: the record has no answer. Not an error of the flow. */
export class Frontier {
  readonly path: string
  readonly why: 'call' | 'state' | 'children' | 'wait'

  constructor(path: string, why: Frontier['why']) {
    this.path = path
    this.why = why
  }
}

/** What is heard while a message is computed again. Nothing is sent, nothing is written. */
export interface Listener {
  /** Whether a record that does not fit the flow ends the recomputation, as it would park the message. */
  readonly strict: boolean
  readonly observer: PassObserver | null
  /** A call whose input is another one than is on record. */
  differs(path: string, before: Json, after: Json): void
  /** A call that the record has no outcome of. Answers it, or throws a {@link Frontier}. */
  unanswered(path: string, input: Json, state: CallState): unknown
  /** The step gave its children these bodies; called once per step. */
  children(pass: MessagePass, plan: SpawnPlan): Promise<void>
  published(path: string, body: Json): void
  detached(pass: MessagePass, path: string, scope: string, body: Json): void
  replied(path: string, reply: Json): void
}

/** A listener to which nothing matters. */
export const DEAF: Listener = {
  strict: false,
  observer: null,
  differs: () => undefined,
  unanswered: (path) => {
    throw new Frontier(path, 'call')
  },
  children: async () => undefined,
  published: () => undefined,
  detached: () => undefined,
  replied: () => undefined,
}

/** How a recomputation ended. */
export type Recomputed =
  | { readonly kind: 'ended'; readonly stop: StepResult }
  | { readonly kind: 'frontier'; readonly at: Frontier }
  | { readonly kind: 'threw'; readonly error: LinkspanError }
  /** The record does not fit the flow. */
  | { readonly kind: 'parked'; readonly error: LinkspanError }

/** Computes a message again from its accepted body and its record, on the present flow. */
export async function recompute(
  flow: CompiledFlow,
  stored: StoredMessage,
  given: { readonly body: unknown; readonly record: readonly Entry[]; readonly names: Bound },
  messages: MessageReader,
  listener: Listener,
): Promise<{ readonly result: Recomputed; readonly pass: MessagePass }> {
  const loaded = toLoaded(stored, given.body, given.record, given.names)
  const pass = new MessagePass(loaded, flow, portsFor(messages, listener, stored))
  return { result: await outcomeOf(pass, flow), pass }
}

async function outcomeOf(pass: MessagePass, flow: CompiledFlow): Promise<Recomputed> {
  const { parent } = pass.loaded
  const program = parent === null ? flow.program : entryAt(flow, parent.path)
  if (!program)
    return {
      kind: 'threw',
      error: new LinkspanError('MESSAGE_STATE', `The flow no longer has the scope "${parent?.path}".`),
    }
  try {
    const stop = await pass.runWhole(program)
    if (stop?.kind !== 'suspend') pass.checkAllMet()
    return { kind: 'ended', stop }
  } catch (thrown) {
    if (thrown instanceof Frontier) return { kind: 'frontier', at: thrown }
    if (isInterrupt(thrown)) return interrupted(thrown)
    return { kind: 'threw', error: pass.errorOf(unwrapFinal(thrown)) }
  }
}

function interrupted({ reason }: Interrupt): Recomputed {
  if (reason.kind === 'park') return { kind: 'parked', error: reason.error }
  return { kind: 'frontier', at: new Frontier('path' in reason ? reason.path : '', 'wait') }
}

/** Until when a message has come: one that waits for a time has not come to that. */
function lastMoment({ ending, wait }: StoredMessage): number {
  if (ending) return ending.endedAt
  return wait?.reason === 'delay' && wait.wakeAt !== null ? wait.wakeAt - 1 : Number.MAX_SAFE_INTEGER
}

function portsFor(messages: MessageReader, listener: Listener, stored: StoredMessage): PassPorts {
  const frontier = (path: string, why: Frontier['why']): never => {
    throw new Frontier(path, why)
  }
  return {
    strict: listener.strict,
    live: false,
    observer: listener.observer,
    goesOn: false,
    now: () => lastMoment(stored),
    quiet: promisesSettled,
    timer: () => () => undefined,
    isPast: () => false,
    chance: () => 0.5,
    inTime: () => undefined,
    leaves: (thrown) => thrown instanceof Frontier,
    call: async (_pass: MessagePass, request: CallRequest, input: unknown, state: CallState) =>
      listener.unanswered(request.path, (input ?? null) as Json, state),
    differs(pass, path, before, after, result) {
      if (listener.strict) pass.park(path, `the input of "${path}" is another one than is on record`)
      listener.differs(path, before, (after ?? null) as Json)
      return result
    },
    update: async <Result extends Json>(
      _pass: MessagePass,
      path: string,
      _scope: string,
      _key: string,
      _change: CellChange<Result>,
      beside?: { readonly known: Result | null },
    ) => beside?.known ?? frontier(path, 'state'),
    change: async (pass) => frontier(pass.path, 'state'),
    cells: async (pass) => frontier(pass.path, 'state'),
    endingOf: async () => null,
    async spawn(pass: MessagePass, plan: SpawnPlan): Promise<SpawnOutcome> {
      await listener.children(pass, plan)
      const spawned = pass.recorded.findLast((entry) => entry.t === 'spawned' && entry.p === plan.path) as
        | { o: SpawnOutcome }
        | undefined
      return spawned?.o ?? frontier(plan.path, 'children')
    },
    outputs: (pass, path) => recordedOutputs(pass, path, messages),
    detach: (pass, path, scope, body) =>
      listener.detached(pass, path, scope, (settled(body) ?? null) as Json),
    publish: (
      _pass,
      path,
      _channel: string,
      body: unknown,
      _options: { readonly key: string | null; readonly headers: Headers },
    ) => listener.published(path, (settled(body) ?? null) as Json),
    reply: (_pass, path, value) => listener.replied(path, value),
    sleeps: (pass, path) => stored.wait?.reason === 'event' && lastWaitOf(pass) === path,
    wake: () => Promise.resolve(),
    wakeHere: () => Promise.resolve(true),
    ignored: () => undefined,
    log: () => undefined,
    attempt: () => undefined,
    told: () => undefined,
    standsAt: () => undefined,
  }
}

const HOPS = 1_000

/** Where nothing comes from outside, there are promises only to wait for, and no clock: so many that follow from each other. */
async function promisesSettled(): Promise<void> {
  for (let hop = 0; hop < HOPS; hop += 1) await undefined
}

/** Where the record says that the message waits, as a step of its order or beside it. */
function lastWaitOf({ recorded }: MessagePass): string | undefined {
  const last = recorded.findLast((entry) => entry.t === 'pause' || entry.t === 'beside')
  return last?.t === 'pause' || last?.t === 'beside' ? last.p : undefined
}

/** The kept outputs of children that came to their end, in the order of their index. */
export async function* recordedOutputs(
  pass: MessagePass,
  path: string,
  messages: MessageReader,
): AsyncGenerator<{ readonly index: number; readonly output: unknown }> {
  for await (const child of childrenInOrder(messages, pass.loaded.seq, scopesOf(pass, path))) {
    if (child.ending?.ending !== 'done') continue
    const output = recordOf(child).findLast((entry) => entry.t === 'output')
    if (output) yield { index: child.parent?.index ?? 0, output: output.r }
  }
}
