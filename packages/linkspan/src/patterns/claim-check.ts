import { LinkspanError } from '../model/errors.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import type { CommonOptions, Draft, Pass, Pattern, StepContext } from './pattern.ts'
import type { Bound, Context } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Claim Check: puts the body aside under a key, instead of what was kept there before, so that the steps after it
     * carry only what they need. The body stays; {@link claimGet} brings it back.
     *
     * What is put aside belongs to the message and its children and is gone when it ends. It is not stored a second
     * time: it is computed again, as every body is, from the message's record in the journal, and so survives a
     * crash and takes no memory while the message waits. Children of a split and the like can bring it back; what they put
     * aside is their own. What a branch puts aside or removes is so for that branch's types only.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const scanned = flow('scanned')
     *   .from(inbox<{ id: string; pages: string[] }>())
     *   .claimSet('put the pages aside', 'scan')
     *   .map('id', (scan) => scan.id)
     *   .delay('until tomorrow', '1d')
     *   .claimGet('bring them back', 'scan', { merge: (id, scan) => ({ id, pages: scan.pages.length }) })
     * ```
     */
    claimSet<K extends string>(
      name: string,
      key: K,
      options?: CommonOptions,
    ): Steps<B, Rebound<N, Claim<K>, B>, F>
    /**
     * Claim Check: brings back what is kept under a key. It becomes the body; with `merge` the body is what that
     * function makes of both, such as only some of its fields.
     *
     * @example See `claimSet`.
     */
    claimGet<K extends ClaimKey<N>, O = Claimed<N, K>>(
      name: string,
      key: K,
      options?: MergeOptions<B, N, Claimed<N, K>, O>,
    ): Steps<O, N, F>
    /** Claim Check: brings back what is kept under a key, as `claimGet` does, and removes it. */
    claimGetAndRemove<K extends ClaimKey<N>, O = Claimed<N, K>>(
      name: string,
      key: K,
      options?: MergeOptions<B, N, Claimed<N, K>, O>,
    ): Steps<O, Without<N, Claim<K>>, F>
    /**
     * Claim Check: puts the body aside on a stack, as `claimSet` does under a key; {@link claimPop} brings it back.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const scanned = flow('scanned')
     *   .from(inbox<{ id: string; pages: string[] }>())
     *   .claimPush('put it aside')
     *   .map('id', (scan) => scan.id)
     *   .claimPop('bring it back', { merge: (id, scan) => `${id}: ${scan.pages.length} pages` })
     * ```
     */
    claimPush(
      name: string,
      options?: CommonOptions,
    ): Steps<B, Rebound<N, ClaimStack, readonly [B, ...StackOf<N>]>, F>
    /** Claim Check: takes off the stack what was pushed last and brings it back, as `claimGet` does. */
    claimPop<O = TopOf<N>>(
      name: Poppable<N>,
      options?: MergeOptions<B, N, TopOf<N>, O>,
    ): Steps<O, Rebound<N, ClaimStack, RestOf<N>>, F>
  }
}

/** The name that a claim is bound to. */
export type Claim<K extends string> = `claim:${K}`

/** The name that the stack of claims is bound to. */
export type ClaimStack = 'claim stack'

/** The keys under which something is kept. */
export type ClaimKey<N> = keyof N extends infer P ? (P extends Claim<infer K> ? K : never) : never

/** What is kept under a key. */
export type Claimed<N, K extends string> = Claim<K> extends keyof N ? N[Claim<K>] : never

/** Names without one. */
export type Without<N, P extends string> = P extends keyof N ? Omit<N, P> : N

/** Names of which one is bound again. */
export type Rebound<N, P extends string, V> = Without<N, P> & Bound<P, V>

/** What is on the stack, the last first. */
export type StackOf<N> = N extends Bound<ClaimStack, infer S extends readonly unknown[]> ? S : readonly []

/** What was pushed last. */
export type TopOf<N> = StackOf<N> extends readonly [infer T, ...(readonly unknown[])] ? T : never

/** What was pushed before it. */
export type RestOf<N> = StackOf<N> extends readonly [unknown, ...infer R] ? Readonly<R> : readonly []

/** The name of a step that pops, where there is something on the stack. */
export type Poppable<N> = StackOf<N> extends readonly [] ? 'there was no claimPush() before' : string

/** What becomes of the body when a claim is brought back. */
export interface MergeOptions<B, N, V, O> extends CommonOptions {
  /** Makes the body of the body and the claim. Synchronous and pure. @default the claim is the body */
  readonly merge?: (body: B, claimed: V, ctx: Context<N>) => O
}

type Action = 'set' | 'get' | 'getAndRemove' | 'push' | 'pop'
type RunMerge = (body: unknown, claimed: unknown, ctx: StepContext) => unknown

const STACK: ClaimStack = 'claim stack'

interface GivenMerge extends CommonOptions {
  readonly merge?: RunMerge
}

/** The steps of a claim check. */
export const claimCheck: Pattern = {
  kind: 'claimCheck',
  stepClass: 'pure',
  summary: 'Puts the body aside, or brings it back (Claim Check).',
  methods: {
    claimSet: keyed('set'),
    claimGet: keyed('get'),
    claimGetAndRemove: keyed('getAndRemove'),
    claimPush: (draft, name: string, given?: GivenMerge) => added(draft, name, 'push', null, given),
    claimPop: (draft, name: string, given?: GivenMerge) => added(draft, name, 'pop', null, given),
  },
  detail: ({ options: { action, key } }) => `claimCheck ${action}${key === null ? '' : ` ${key}`}`,
  compile(node, code, { path }) {
    const { action, key } = node.options
    const merge = code['merge'] as RunMerge | undefined
    const claim = typeof key === 'string' ? `claim:${key}` : STACK
    const run = RUNS[action as Action]
    return (pass) => {
      const context = pass.enter(path)
      const { body } = pass
      const kept = (context as unknown as Readonly<Record<string, unknown>>)[claim]
      const claimed = run(pass, claim, kept, path)
      if (claimed === undefined) return undefined
      pass.body = merge ? answered(merge(body, claimed.value, context), path, 'its merge') : claimed.value
      return undefined
    }
  },
}

function keyed(action: Action): (draft: Draft, name: string, key: string, given?: GivenMerge) => Draft {
  return (draft, name, key, given) => {
    if (typeof key === 'string' && key !== '') return added(draft, name, action, key, given)
    throw invalid(`${stepWords(name)}: the key of a claim is a text that is not empty, not ${shown(key)}.`)
  }
}

function added(
  draft: Draft,
  name: string,
  action: Action,
  key: string | null,
  given: GivenMerge | undefined,
): Draft {
  const merge = given?.merge
  return draft.add({
    kind: 'claimCheck',
    name,
    options: { action, key },
    code: merge === undefined ? {} : { merge: needFunction(merge, 'merge', name) },
    common: given,
  })
}

/** Each action: what it binds, and what it brings back. */
const RUNS: Readonly<
  Record<
    Action,
    (pass: Pass, claim: string, kept: unknown, path: string) => { readonly value: unknown } | undefined
  >
> = {
  set(pass, claim) {
    pass.bind(claim, pass.body ?? null)
    return undefined
  },
  get: (_pass, claim, kept, path) => ({ value: found(kept, claim, path) }),
  getAndRemove(pass, claim, kept, path) {
    const value = found(kept, claim, path)
    pass.bind(claim, undefined)
    return { value }
  },
  push(pass, claim, kept) {
    pass.bind(claim, [pass.body ?? null, ...((kept as readonly unknown[] | undefined) ?? [])])
    return undefined
  },
  pop(pass, claim, kept, path) {
    const [value, ...rest] = (kept as readonly unknown[] | undefined) ?? []
    found(value, claim, path)
    pass.bind(claim, rest)
    return { value }
  },
}

function found(kept: unknown, claim: string, path: string): unknown {
  if (kept !== undefined) return kept
  const what = claim === STACK ? 'Nothing is on the stack' : `Nothing is kept under ${shown(claim.slice(6))}`
  throw new LinkspanError(
    'STEP_FAILED',
    `${what} that the claim check "${path}" could bring back: it was removed before, or put aside in a branch that this message did not take.`,
    { details: { path } },
  )
}
