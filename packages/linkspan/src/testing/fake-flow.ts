import { isDeepStrictEqual } from 'node:util'
import type { Operation } from '../connect/connector.ts'
import { LinkspanError } from '../model/errors.ts'
import { type StepCode, type StepNode, walkSteps } from '../model/flow-definition.ts'
import type { Flow } from '../patterns/steps.ts'
import { type FakeOperation, fakeOperation, isFake } from './fake-operation.ts'

/**
 * What stands in for the operations of a flow, by `connection.operation`: a fake one, or what the operation answers as
 * a function of its input; the fake then has the operation's own guarantee.
 */
export type Fakes = Readonly<
  Record<string, Pick<FakeOperation, 'fullName' | 'guarantee'> | ((input: never) => unknown)>
>

/** Flows on fake operations only. */
export interface FakedFlows {
  readonly flows: readonly Flow[]
  readonly fakes: ReadonlyMap<string, FakeOperation>
}

/**
 * Puts fakes in the place of the flows' operations; the flows themselves stay as they are. An operation whose result
 * nobody uses needs none to be given.
 *
 * @throws {LinkspanError} `CONFIG_INVALID` for an operation without a fake, a fake of another guarantee, and a fake
 * whose operation no flow uses.
 */
export function fakeFlows(flows: readonly Flow[], given: Fakes): FakedFlows {
  const fakes = new Map<string, FakeOperation>()
  const faked = flows.map((flow) => fakeFlow(flow, given, fakes))
  const unused = Object.keys(given).find((name) => !fakes.has(name))
  if (unused === undefined) return { flows: faked, fakes }
  throw invalid(
    `operations has "${unused}", which no flow calls. They call: ${[...fakes.keys()].join(', ') || 'nothing'}.`,
  )
}

function fakeFlow(flow: Flow, given: Fakes, fakes: Map<string, FakeOperation>): Flow {
  const nodes = nodesOf(flow)
  const code = new Map<string, StepCode>()
  for (const [path, step] of flow.code) {
    const operation = step['operation'] as Operation<unknown, unknown> | undefined
    if (!operation) code.set(path, step)
    else code.set(path, { ...step, operation: fakeFor(operation, nodes.get(path), given, fakes, flow, path) })
  }
  const { definition, source, own, codeVersion, places } = flow
  return { definition, code, source, own, codeVersion, places }
}

function fakeFor(
  operation: Operation<unknown, unknown>,
  node: StepNode | undefined,
  given: Fakes,
  fakes: Map<string, FakeOperation>,
  flow: Flow,
  path: string,
): FakeOperation {
  const name = `${operation.connection.name}.${operation.name}`
  const present = fakes.get(name)
  const fake = present ?? newFake(name, operation, given[name], node)
  if (!fake)
    throw invalid(
      `The step "${path}" of the flow "${flow.definition.name}" uses what ${name} answers, so it needs a fake: operations: { '${name}': (input) => … }.`,
    )
  if (!isDeepStrictEqual(fake.guarantee, operation.guarantee))
    throw invalid(
      `The fake for ${name} has the guarantee ${JSON.stringify(fake.guarantee)}, and the operation has ${JSON.stringify(operation.guarantee)}. Make the fake with the operation's own.`,
    )
  fakes.set(name, fake)
  return fake
}

function newFake(
  name: string,
  operation: Operation<unknown, unknown>,
  given: Fakes[string] | undefined,
  node: StepNode | undefined,
): FakeOperation | null {
  if (isFake(given)) return given
  if (isFake(operation)) return operation
  const timeout = operation.timeout === undefined ? {} : { timeout: operation.timeout }
  if (typeof given === 'function')
    return fakeOperation(name, operation.guarantee, {
      ...timeout,
      result: given as (input: unknown) => unknown,
    }) as unknown as FakeOperation
  if (node?.kind === 'to')
    return fakeOperation(name, operation.guarantee, timeout) as unknown as FakeOperation
  return null
}

function nodesOf({ definition }: Flow): ReadonlyMap<string, StepNode> {
  const nodes = new Map<string, StepNode>()
  const add = (node: StepNode, path: string): void => void nodes.set(path, node)
  walkSteps(definition.steps, add)
  walkSteps(definition.fallback ?? [], add, 'onError')
  return nodes
}

function invalid(message: string): LinkspanError {
  return new LinkspanError('CONFIG_INVALID', message)
}
