import './steps.ts'
import { type Awaitless, answered } from './parts/answered.ts'
import { namedOrNot, needFunction } from './parts/arguments.ts'
import type { CommonOptions, Pattern, StepContext } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Message Translator: makes another body of the body. Pure: it is computed again whenever the message is.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const greet = flow('greet').from(inbox<{ name: string }>()).map('greeting', (person) => `Hello ${person.name}`)
     * ```
     */
    map<O>(
      name: string,
      transform: (body: B, ctx: Context<N>) => Awaitless<O>,
      options?: CommonOptions,
    ): Steps<O, N, F>
    map<O>(transform: (body: B, ctx: Context<N>) => Awaitless<O>): Steps<O, N, F>
  }
}

type Transform = (body: unknown, ctx: StepContext) => unknown

/** The `map` step. */
export const map: Pattern = {
  kind: 'map',
  stepClass: 'pure',
  mayBeUnnamed: true,
  summary: 'Makes another body of the body (Message Translator).',
  methods: {
    map: (draft, ...args: [string | Transform, Transform?, CommonOptions?]) => {
      const { name, value, options } = namedOrNot<Transform, CommonOptions>('map', args)
      const transform = needFunction(value, 'the transform of map()', name)
      return draft.add({ kind: 'map', name, code: { transform }, common: options })
    },
  },
  compile(_node, code, { path }) {
    const transform = code['transform'] as Transform
    return (pass) => {
      pass.body = answered(transform(pass.body, pass.enter(path)), path)
      return undefined
    }
  },
}
