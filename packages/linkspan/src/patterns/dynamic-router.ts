import './steps.ts'
import { answered } from './parts/answered.ts'
import type { Merged } from './parts/merged.ts'
import {
  runStations,
  type Stationed,
  type Stations,
  type StationsOptions,
  stationsStep,
} from './parts/stations.ts'
import type { Pattern, StepContext } from './pattern.ts'
import type { Bound, Context } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Dynamic Router: asks which of the named branches the message comes through next, runs it within the same pass, and
     * asks again, until the answer is null. The function sees the body that the branch before ended with, and in
     * `ctx.turn` how many branches there were. It is computed again whenever the message is, so it must be a function of
     * the message: what it has to know from outside is for a `call` in a branch.
     *
     * A name that no branch has fails the message with `STEP_FAILED`, unless `ignoreUnknown` is set. What branches put on
     * record is kept by turn, so after a crash no call is made again.
     *
     * @throws {LinkspanError} `LOOP_ENDLESS` when it is still not null after `most` branches.
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const checked = flow('checked')
     *   .from(inbox<{ amount: number; passed: string[] }>())
     *   .dynamicRouter(
     *     'checks',
     *     (b) => (b.passed.includes('limit') ? null : b.amount > 1000 ? 'limit' : null),
     *     (r) => r.branch('limit', (s) => s.map((b) => ({ ...b, passed: [...b.passed, 'limit'] }))),
     *   )
     * ```
     */
    dynamicRouter<H extends FlowFacts, L extends string>(
      name: string,
      next: (body: B, ctx: Context<N> & Bound<'turn', number>) => NoInfer<L> | null | undefined,
      build: (stations: Stations<B, N, F, F, never>) => Stationed<H, L>,
      options?: StationsOptions,
    ): Steps<B, N, Merged<F, H>>
  }
}

type Next = (body: unknown, ctx: StepContext) => unknown

/** The `dynamicRouter` step. */
export const dynamicRouter: Pattern = {
  kind: 'dynamicRouter',
  stepClass: 'scope',
  summary:
    'Asks again and again which branch the message comes through next, until there is none (Dynamic Router).',
  methods: {
    dynamicRouter: (
      draft,
      name: string,
      next: Next,
      build: (stations: unknown) => unknown,
      given: StationsOptions = {},
    ) => draft.add(stationsStep('dynamicRouter', draft, name, next, build, given)),
  },
  drawn: 'branches',
  compile(node, code, { path, program }) {
    const programs = new Map(node.scopes.map(({ label, name }) => [label, program(name)]))
    const stations = { path, programs, options: node.options }
    const next = code['next'] as Next
    return (pass) =>
      runStations(pass, stations, (turn) => {
        pass.bind('turn', turn)
        return answered(next(pass.body, pass.enter(path)), path, 'its function')
      })
  },
}
