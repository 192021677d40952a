import type { StoredError } from '../model/errors.ts'
import type { Ending } from '../model/message.ts'
import './steps.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import type { CommonOptions, Pattern } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * What is done when a message of this flow has come to its end (onCompletion). With the commit of that end a child message
     * is accepted, which nobody waits for: so the end and its hook are there together or not at all, and the calls of the
     * hook are made under their guarantees, whenever the engine dies. How the hook ends does not touch the message.
     *
     * Its body is an {@link EndedMessage}: the body that the flow accepted, and how it ended. `on` says for which ends:
     * `'success'` (*done* or *filtered*), `'failure'` (a dead letter, or *dropped* by the flow's policy), or both. It holds for
     * the whole flow wherever it stands in the chain, and not inside a scope; there may be several. A message that is sent
     * again comes to an end again, and so does its hook. What a person ends (`cancel`, `skip`, `drop`), what is in doubt or
     * parked until a person has seen to it, and what the flow could not take at all (`BODY_INVALID`) runs none.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * import type { Operation } from 'linkspan/connect'
     * declare const print: Operation<{ file: string }, void, { kind: 'key'; validFor: '24h' }>
     * declare const release: Operation<{ file: string }, void, { kind: 'natural' }>
     * declare const page: Operation<{ text: string }, void, { kind: 'natural' }>
     * const prints = flow('prints')
     *   .from(inbox<{ file: string }>(), { key: (job) => job.file })
     *   .onCompletion('release', (ended) => ended.to('unlock', release, { input: ({ body }) => body }))
     *   .onCompletion('tell us', (ended) => ended.to('page', page, { input: ({ body, reason }) => ({ text: `${body.file}: ${reason}` }) }), {
     *     on: 'failure',
     *   })
     *   .to('print', print)
     * ```
     */
    onCompletion<O, H extends FlowFacts, W extends CompletionOn = 'any'>(
      name: string,
      build: (ended: Steps<EndedMessage<F['accepts'], W>, NoNames, F>) => Ended<O, H>,
      options?: OnCompletionOptions<W>,
    ): Steps<B, N, F>
  }
}

/** For which ends of a message a hook is: those of a message that got through, those of one that did not, or both. */
export type CompletionOn = 'success' | 'failure' | 'any'

/** How a hook on completion runs. */
export interface OnCompletionOptions<W extends CompletionOn = CompletionOn> extends CommonOptions {
  /** @default 'any' */
  readonly on?: W
}

/** A message that has come to its end, as its hooks get it. */
export interface EndedMessage<A, W extends CompletionOn = CompletionOn> {
  /** How it ended. */
  readonly ending: W extends 'success'
    ? 'done' | 'filtered'
    : W extends 'failure'
      ? 'dead' | 'dropped'
      : 'done' | 'filtered' | 'dead' | 'dropped'
  /** The body that its flow accepted. */
  readonly body: A
  /** Why it ended so, for people; empty for a message that is done. */
  readonly reason: string
  /** What failed, of a dead letter; null of every other. */
  readonly error: W extends 'success' ? null : StoredError | null
}

const ENDINGS_ON: Readonly<Record<CompletionOn, readonly Ending[]>> = {
  success: ['done', 'filtered'],
  failure: ['dead', 'dropped'],
  any: ['done', 'filtered', 'dead', 'dropped'],
}

/** The `onCompletion` step. */
export const onCompletion: Pattern = {
  kind: 'onCompletion',
  stepClass: 'scope',
  summary:
    'Sends off a child when a message of the flow has come to its end, in one commit with it (onCompletion).',
  methods: {
    onCompletion: (
      draft,
      name: string,
      build: (ended: never) => unknown,
      given: OnCompletionOptions = {},
    ) => {
      const { on = 'any' } = given
      if (!Object.hasOwn(ENDINGS_ON, on))
        throw invalid(`${stepWords(name)}: on is 'success', 'failure' or 'any', not ${shown(on)}.`)
      const inner = draft.scope(needFunction(build, 'the scope of onCompletion()', name), {
        children: true,
        alone: true,
      })
      return draft.add({
        kind: 'onCompletion',
        name,
        options: { on },
        scopes: [{ name: '', label: 'ended', draft: inner }],
        common: given,
        onlyOutermost: true,
      })
    },
  },
  drawn: 'children',
  detail: ({ options }) => (options['on'] === 'any' ? 'on completion' : `on ${options['on']}`),
  endsWith: ({ options }, ending) => ENDINGS_ON[options['on'] as CompletionOn].includes(ending),
  compile(_node, _code, { entry }) {
    entry('')
    // It is the end of the message that makes its child, not the step.
    return () => undefined
  },
}
