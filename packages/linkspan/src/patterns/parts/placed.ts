import type { StepNode } from '../../model/flow-definition.ts'
import type { Pass } from '../pattern.ts'

/** Puts a step's result where its option `as` says: bound to that name beside the body, or, without one, as the body. */
export function placer(node: StepNode): (pass: Pass, result: unknown) => void {
  const as = node.options['as']
  if (typeof as === 'string') return (pass, result) => pass.bind(as, result)
  return (pass, result) => {
    pass.body = result
  }
}
