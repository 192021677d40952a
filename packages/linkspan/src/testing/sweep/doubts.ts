import type { Operation } from '../../connect/connector.ts'
import type { StoredMessage } from '../../journal/journal.ts'
import type { Json } from '../../model/message.ts'
import { pathAt } from '../../model/step-place.ts'
import type { Flow } from '../../patterns/steps.ts'
import { markOf } from '../../runtime/calls/running-call.ts'
import { recordOf } from '../../runtime/loaded.ts'
import type { Entry } from '../../runtime/record.ts'
import type { FakeEffect, FakeOperation } from '../fake-operation.ts'
import type { Life } from '../test-world.ts'

/** A call of which the engine says that nobody knows whether it took effect. */
export interface Doubt {
  /** The message's id. */
  readonly id: string
  readonly path: string
  readonly operation: string
  /** Whether the operation's guarantee allows it. */
  readonly allowed: boolean
  /** What the system says: the effect, when there was one. */
  readonly effect: FakeEffect | null
}

/** The messages that are in doubt now, with what their systems know. */
export async function doubtsOf(
  { runtime }: Life,
  flows: readonly Flow[],
  fakes: ReadonlyMap<string, FakeOperation>,
): Promise<readonly Doubt[]> {
  const { history } = runtime.parts.journal
  const stored = await history.query({
    endings: ['inDoubt'],
    rootsOnly: false,
    order: 'oldest',
    limit: 1_000,
  })
  return stored.map((message) => doubtOf(message, flows, fakes))
}

function doubtOf(
  message: StoredMessage,
  flows: readonly Flow[],
  fakes: ReadonlyMap<string, FakeOperation>,
): Doubt {
  const record = recordOf(message)
  const end = record.findLast((entry) => entry.t === 'end')
  const path = end?.p ?? ''
  const flow = flows.find(({ definition }) => definition.name === message.flow)
  const operation = flow?.code.get(pathAt(path))?.['operation'] as Operation<unknown, unknown> | undefined
  const name = operation ? `${operation.connection.name}.${operation.name}` : `step "${path}"`
  const mark = markOf(message.id, path, generationOf(record, path))
  return {
    id: message.id,
    path,
    operation: name,
    allowed: operation?.guarantee.kind === 'none',
    effect: fakes.get(name)?.effects.find((effect) => effect.mark === mark) ?? null,
  }
}

function generationOf(record: readonly Entry[], path: string): number {
  const sent = record.findLast((entry) => (entry.t === 'intent' || entry.t === 'unknown') && entry.p === path)
  return sent && 'g' in sent ? sent.g : 0
}

/** Says of a doubt what its system knows, as a person would who looked there. */
export function resolve({ admin }: Life, { id, effect }: Doubt): Promise<void> {
  const result = effect?.result === undefined ? {} : { result: effect.result as Json }
  return admin.resolve(id, effect !== null, { note: 'crash sweep', ...result })
}
