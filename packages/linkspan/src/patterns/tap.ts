import './steps.ts'
import { needFunction } from './parts/arguments.ts'
import type { CommonOptions, Pattern } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Wire Tap: sends a copy of the body down a side branch as a child message that nobody waits for. How it ends is
     * seen and counted, but does not touch this message. The body stays.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * import type { Operation } from 'linkspan/connect'
     * declare const log: Operation<{ text: string }, void, { kind: 'natural' }>
     * const watched = flow('watched').from(inbox<{ text: string }>()).tap('audit', (copy) => copy.to('log', log))
     * ```
     */
    tap<O, H extends FlowFacts>(
      name: string,
      scope: (copy: Steps<B, N, F>) => Ended<O, H>,
      options?: CommonOptions,
    ): Steps<B, N, F>
  }
}

/** The `tap` step. */
export const tap: Pattern = {
  kind: 'tap',
  stepClass: 'scope',
  summary: 'Sends a copy down a side branch that nobody waits for (Wire Tap).',
  methods: {
    tap: (draft, name: string, scope: (copy: never) => unknown, common?: CommonOptions) => {
      const inner = draft.scope(needFunction(scope, 'the scope of tap()', name), { children: true })
      return draft.add({ kind: 'tap', name, scopes: [{ name: '', label: 'copy', draft: inner }], common })
    },
  },
  drawn: 'children',
  compile(_node, _code, { path, entry }) {
    const scope = entry('')
    return (pass) => {
      pass.enter(path)
      pass.detach(path, scope, pass.body)
      return undefined
    }
  },
}
