import { LinkspanError } from '../model/errors.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { needFunction, shown } from './parts/arguments.ts'
import {
  type Answer,
  type AnswersCollected,
  type AnswersFolded,
  type Branches,
  type FanOutOptions,
  fanOutExecutor,
  fanOutStep,
  type GivenFanOut,
} from './parts/fan-out.ts'
import type { Pattern, StepContext } from './pattern.ts'
import type { NotJoined } from './split.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Recipient List: sends the body down those of its named branches that `to` names for this message, each copy as
     * a child message of its own, and waits until all have ended. A branch that is named twice gets two copies; an
     * empty list sends nothing. The list is computed again whenever the message is, so it must be a function of the
     * message.
     *
     * A name that no branch has fails the message with `STEP_FAILED`, before anything is sent, unless `ignoreUnknown` is
     * set. `join` puts the answers together as in `multicast`, in the order of the list. With a join that keeps the
     * best one this is Scatter-Gather.
     *
     * @example
     * ```ts
     * import { flow, inbox, type Operation } from 'linkspan'
     * declare const north: Operation<{ item: string }, { price: number }, { kind: 'natural' }>
     * declare const south: Operation<{ item: string }, { price: number }, { kind: 'natural' }>
     * const cheapest = flow('cheapest')
     *   .from(inbox<{ item: string; suppliers: string[] }>())
     *   .recipients('ask', (order) => order.suppliers, (r) => r
     *     .branch('north', (s) => s.call('north', north))
     *     .branch('south', (s) => s.call('south', south)), {
     *     join: {
     *       as: 'best',
     *       initial: (): { from: string; price: number } | null => null,
     *       add: (best, { price }, from) => (best === null || price < best.price ? { from, price } : best),
     *     },
     *   })
     *   .map('offer', (order, { best }) => ({ item: order.item, best }))
     * ```
     */
    recipients<O, K extends string = never, A = never>(
      name: string,
      to: (body: B, ctx: Context<N>) => Iterable<string>,
      build: (branches: Branches<B, N, F>) => Branches<B, N, F, O>,
      options: RecipientsOptions & (NotJoined | AnswersCollected<K, N> | AnswersFolded<O, A, K, N>),
    ): [K] extends [never]
      ? [A] extends [never]
        ? Steps<B, N, F>
        : Steps<A, N, F>
      : Placed<B, N, F, K, [A] extends [never] ? Answer<O>[] : A>
    recipients<O>(
      name: string,
      to: (body: B, ctx: Context<N>) => Iterable<string>,
      build: (branches: Branches<B, N, F>) => Branches<B, N, F, O>,
    ): Steps<B, N, F>
  }
}

/** How the recipients get their copies. */
export interface RecipientsOptions extends FanOutOptions {
  /** Whether a name that no branch has is passed over. @default false, it fails the message */
  readonly ignoreUnknown?: boolean
}

type To = (body: unknown, ctx: StepContext) => unknown

interface GivenRecipients extends GivenFanOut {
  readonly ignoreUnknown?: boolean
}

/** The most copies of one message: a list that is longer is taken for one that never ends. */
export const RECIPIENTS_LIMIT = 10_000

/** The `recipients` step. */
export const recipients: Pattern = {
  kind: 'recipients',
  stepClass: 'scope',
  summary: 'Sends the body to those branches that are named for this message (Recipient List).',
  methods: {
    recipients: (draft, name: string, to: To, build: unknown, given: GivenRecipients = {}) => {
      const step = fanOutStep(draft, 'recipients', name, build, given)
      return draft.add({
        ...step,
        options: { ...step.options, ignoreUnknown: given.ignoreUnknown === true },
        code: { ...step.code, to: needFunction(to, 'what recipients() sends to', name) },
      })
    },
  },
  drawn: 'children',
  compile(node, code, tools) {
    const to = code['to'] as To
    const places = new Map(node.scopes.map(({ label }, index) => [label, index]))
    const ignoreUnknown = node.options['ignoreUnknown'] === true
    const { path } = tools
    return fanOutExecutor(node, code, tools, (pass) =>
      namesOf(answered(to(pass.body, pass.enter(path)), path, 'its list'), path).flatMap((name) => {
        const place = typeof name === 'string' ? places.get(name) : undefined
        if (place !== undefined) return [place]
        if (ignoreUnknown) return []
        throw unknownRecipient(name, [...places.keys()], path)
      }),
    )
  },
}

function namesOf(list: unknown, path: string): readonly unknown[] {
  if (typeof list !== 'object' || list === null || !(Symbol.iterator in list)) throw notAList(list, path)
  const names: unknown[] = []
  for (const name of list as Iterable<unknown>) {
    if (names.length === RECIPIENTS_LIMIT) throw tooMany(path)
    names.push(name)
  }
  return names
}

function notAList(list: unknown, path: string): LinkspanError {
  const hint = typeof list === 'string' ? ` Write it as [${shown(list)}].` : ''
  return new LinkspanError(
    'STEP_FAILED',
    `The recipients of "${path}" are an array or another iterable of names, but its function answered ${shown(list)}.${hint}`,
    { details: { path } },
  )
}

function tooMany(path: string): LinkspanError {
  return new LinkspanError(
    'STEP_FAILED',
    `The list of "${path}" names more than ${RECIPIENTS_LIMIT} recipients for one message. Does it ever end?`,
    { details: { path, limit: RECIPIENTS_LIMIT } },
  )
}

function unknownRecipient(name: unknown, known: readonly string[], path: string): LinkspanError {
  return new LinkspanError(
    'STEP_FAILED',
    `The message names the recipient ${shown(name)} in "${path}", which has no such branch. Its branches are: ${known.join(', ')}. Add one, or set ignoreUnknown.`,
    { details: { path, recipient: String(name), known } },
  )
}
