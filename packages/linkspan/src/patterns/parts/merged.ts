import type { Facts, FlowFacts } from '../steps.ts'

/** The facts of a flow and of one of its scopes together: a scope may reply too. */
export type Merged<F extends FlowFacts, H extends FlowFacts> = [H['replies']] extends [F['replies']]
  ? F
  : Facts<F['accepts'], F['replies'] | H['replies']>
