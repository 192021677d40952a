import './steps.ts'
import type { CommonOptions, Pattern } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Stop: ends the message as *done*, at once, wherever it stands; no step after it runs. Inside a branch that runs
     * within the same pass (choice, group, load balancer) it ends the whole message, so the branch adds nothing to the
     * body after it; inside a split or another scope of children it ends that child only, which then has nothing
     * for a join. To end a message as not wanted, use `filter`, which is counted apart.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const shipped = flow('shipped')
     *   .from(inbox<{ kind: 'test' } | { kind: 'order'; id: string }>())
     *   .choice('kind', (c) => c.when('a test', (m) => m.kind === 'test', (test) => test.stop('enough')))
     *   .map('id', (order) => order.id)
     * ```
     */
    stop(name: string, options?: CommonOptions): Steps<never, N, F>
  }
}

/** The `stop` step. */
export const stop: Pattern = {
  kind: 'stop',
  stepClass: 'pure',
  summary: 'Ends the message as done, at once (Stop).',
  methods: {
    stop: (draft, name: string, common?: CommonOptions) => draft.add({ kind: 'stop', name, common }),
  },
  goesOn: () => false,
  compile(node, _code, { path }) {
    const end = { kind: 'end', ending: 'done', reason: `"${node.name}" stopped it` } as const
    return (pass) => {
      pass.enter(path)
      return end
    }
  },
}
