import './steps.ts'
import { answered } from './parts/answered.ts'
import { namedOrNot, needFunction } from './parts/arguments.ts'
import type { Narrowed } from './parts/narrowed.ts'
import type { CommonOptions, Pattern, StepContext } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Message Filter: lets a message go on only if the predicate answers true; otherwise it ends as *filtered*, which
     * is counted. Inside a split only that child ends. A type guard narrows the body.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const open = flow('open issues')
     *   .from(inbox<{ state: 'open' | 'closed'; title: string }>())
     *   .filter('still open', (issue) => issue.state === 'open')
     * ```
     */
    filter<P extends (body: B, ctx: Context<N>) => boolean>(
      name: string,
      predicate: P,
      options?: CommonOptions,
    ): Steps<Narrowed<P, B>, N, F>
    filter<P extends (body: B, ctx: Context<N>) => boolean>(predicate: P): Steps<Narrowed<P, B>, N, F>
  }
}

type Predicate = (body: unknown, ctx: StepContext) => boolean

/** The `filter` step. */
export const filter: Pattern = {
  kind: 'filter',
  stepClass: 'pure',
  mayBeUnnamed: true,
  summary: 'Lets a message go on only if a predicate says so (Message Filter).',
  methods: {
    filter: (draft, ...args: [string | Predicate, Predicate?, CommonOptions?]) => {
      const { name, value, options } = namedOrNot<Predicate, CommonOptions>('filter', args)
      const predicate = needFunction(value, 'the predicate of filter()', name)
      return draft.add({ kind: 'filter', name, code: { predicate }, common: options })
    },
  },
  compile(node, code, { path }) {
    const predicate = code['predicate'] as Predicate
    const stop = { kind: 'end', ending: 'filtered', reason: `"${node.name}" answered false` } as const
    return (pass) =>
      answered(predicate(pass.body, pass.enter(path)), path, 'its predicate') ? undefined : stop
  },
}
