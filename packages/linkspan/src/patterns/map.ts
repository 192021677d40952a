import './steps.ts'
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
      transform: (body: B, ctx: Context<N>) => O,
      options?: CommonOptions,
    ): Steps<Awaitless<O>, N, F>
    map<O>(transform: (body: B, ctx: Context<N>) => O): Steps<Awaitless<O>, N, F>
  }
}

/** A pure step is synchronous: a promise shows as this in the types, and is refused when it runs. */
export type Awaitless<O> =
  O extends PromiseLike<unknown> ? 'A pure step must not be asynchronous: use call() for anything outside' : O

type Transform = (body: unknown, ctx: StepContext) => unknown

/** The `map` step. */
export const map: Pattern = {
  kind: 'map',
  stepClass: 'pure',
  summary: 'Makes another body of the body (Message Translator).',
  methods: {
    map: (draft, ...args: [string | Transform, Transform?, CommonOptions?]) => {
      const [first, second, common] = args
      return typeof first === 'function'
        ? draft.add({ kind: 'map', name: undefined, code: { transform: first } })
        : draft.add({ kind: 'map', name: first, code: { transform: second }, ...(common ? { common } : {}) })
    },
  },
  compile(_node, code, { path }) {
    const transform = code['transform'] as Transform
    return (pass) => {
      pass.body = transform(pass.body, pass.enter(path))
      return undefined
    }
  },
}
