import { LinkspanError } from '../model/errors.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { shown } from './parts/arguments.ts'
import type { Merged } from './parts/merged.ts'
import {
  runStations,
  type Stationed,
  type Stations,
  type StationsOptions,
  stationsStep,
} from './parts/stations.ts'
import type { Pattern, StepContext } from './pattern.ts'
import type { Context } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Routing Slip: the message comes through those of the named branches that its slip lists, in that order, within the
     * same pass. The slip is made once, before the first branch; each branch begins with what the one before ended with,
     * and may stand on the slip several times. An empty slip is none. Where the way depends on what a branch came to, take
     * `dynamicRouter`.
     *
     * A name that no branch has fails the message with `STEP_FAILED` when it comes to it, unless `ignoreUnknown` is set. What
     * branches put on record is kept by their place on the slip, so after a crash no call is made again.
     *
     * @throws {LinkspanError} `LOOP_ENDLESS` for a slip of more than `most` names.
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const prepared = flow('prepared')
     *   .from(inbox<{ text: string; slip: string[] }>())
     *   .routingSlip('prepare', (given) => given.slip, (s) => s
     *     .branch('trim', (b) => b.map((g) => ({ ...g, text: g.text.trim() })))
     *     .branch('shout', (b) => b.map((g) => ({ ...g, text: g.text.toUpperCase() }))))
     * ```
     */
    routingSlip<H extends FlowFacts, L extends string>(
      name: string,
      slip: (body: B, ctx: Context<N>) => Iterable<string>,
      build: (stations: Stations<B, N, F, F, never>) => Stationed<H, L>,
      options?: StationsOptions,
    ): Steps<B, N, Merged<F, H>>
  }
}

type Slip = (body: unknown, ctx: StepContext) => unknown

/** The `routingSlip` step. */
export const routingSlip: Pattern = {
  kind: 'routingSlip',
  stepClass: 'scope',
  summary: 'Sends the message through the branches that its slip lists, one after the other (Routing Slip).',
  methods: {
    routingSlip: (
      draft,
      name: string,
      slip: Slip,
      build: (stations: unknown) => unknown,
      given: StationsOptions = {},
    ) => draft.add(stationsStep('routingSlip', draft, name, slip, build, given)),
  },
  drawn: 'branches',
  compile(node, code, { path, program }) {
    const programs = new Map(node.scopes.map(({ label, name }) => [label, program(name)]))
    const stations = { path, programs, options: node.options }
    const slip = code['next'] as Slip
    return (pass) => {
      const names = namesOn(answered(slip(pass.body, pass.enter(path)), path, 'its slip'), path)
      return runStations(pass, stations, () => {
        // What is wrong with the slip is not the fault of the branch before.
        pass.enter(path)
        const { done, value } = names.next()
        return done === true ? undefined : value
      })
    }
  },
}

function namesOn(slip: unknown, path: string): Iterator<unknown> {
  const isList =
    typeof slip !== 'string' &&
    typeof (slip as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function'
  if (isList) return (slip as Iterable<unknown>)[Symbol.iterator]()
  throw new LinkspanError(
    'STEP_FAILED',
    `The slip of the step "${path}" is a list of names, but its function answered ${shown(slip)}.`,
    { details: { path } },
  )
}
