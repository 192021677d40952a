import './steps.ts'
import { type Awaitless, answered } from './parts/answered.ts'
import { namedOrNot, needFunction } from './parts/arguments.ts'
import type { CommonOptions, Pattern, StepContext } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Request-Reply: answers whoever sent the message, by the body or by what a function makes of it. The reply is
     * kept in the journal before the sender is told, so it can be fetched later by the message's id. The message goes
     * on and the body stays; only the first reply counts. Not inside a split, multicast or tap.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const greet = flow('greet')
     *   .from(inbox<{ name: string }>())
     *   .reply('answer', (person) => ({ text: `Hello ${person.name}` }))
     * ```
     */
    reply<R>(
      name: string,
      answer: (body: B, ctx: Context<N>) => Awaitless<R>,
      options?: CommonOptions,
    ): Steps<B, N, Facts<F['accepts'], F['replies'] | R>>
    reply<R = B>(
      nameOrAnswer: string | ((body: B, ctx: Context<N>) => Awaitless<R>),
    ): Steps<B, N, Facts<F['accepts'], F['replies'] | R>>
    reply(): Steps<B, N, Facts<F['accepts'], F['replies'] | B>>
  }
}

type Answer = (body: unknown, ctx: StepContext) => unknown

/** The `reply` step. */
export const reply: Pattern = {
  kind: 'reply',
  stepClass: 'stateful',
  summary: 'Answers whoever sent the message (Request-Reply).',
  mayBeUnnamed: true,
  methods: {
    reply: (draft, ...args: [(string | Answer)?, Answer?, CommonOptions?]) => {
      const none = { name: undefined, value: undefined, options: undefined }
      const { name, value, options } =
        args.length === 0 ? none : namedOrNot<Answer, CommonOptions>('reply', args)
      const code = value === undefined ? {} : { answer: needFunction(value, 'the answer of reply()', name) }
      return draft.add({ kind: 'reply', name, code, common: options, notInChildren: true })
    },
  },
  compile(_node, code, { path }) {
    const answer = code['answer'] as Answer | undefined
    return async (pass) => {
      const context = pass.enter(path)
      const value = answer ? answered(answer(pass.body, context), path, 'its answer') : pass.body
      await pass.reply(path, value)
      return undefined
    }
  },
}
