import { type StepNode, walkSteps } from '../../model/flow-definition.ts'
import { parseMessageId } from '../../model/message-id.ts'
import type { Flow } from '../../patterns/steps.ts'

/** Visits each step of the flows, those of fallbacks too. */
export function eachStep(
  flows: readonly Flow[],
  visit: (node: StepNode, path: string, flow: Flow) => void,
): void {
  for (const flow of flows) {
    walkSteps(flow.definition.steps, (node, path) => visit(node, path, flow))
    walkSteps(flow.definition.fallback ?? [], (node, path) => visit(node, path, flow), 'onError')
  }
}

/** The paths of the steps through which a message's id goes. */
export function trailOf(id: string): readonly string[] {
  return parseMessageId(id).trail.map(({ path }) => path)
}
