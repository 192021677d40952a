import { restoreError, type StoredError } from '../model/errors.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, stepWords } from './parts/arguments.ts'
import { branchesOf, branchScope, holding } from './parts/branches.ts'
import { type Caught, type Takes, takesOf } from './parts/caught.ts'
import type { Merged } from './parts/merged.ts'
import type { CommonOptions, Draft, Executor, NewScope, Pattern, Program } from './pattern.ts'
import type { Ended, Failed, FlowFacts, Steps } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Runs steps, and others in their stead when they fail (doTry, doCatch, doFinally). The first `catch` that takes the
     * error runs, with the body and the names as they were before the try and the error as `ctx.error`; what no `catch`
     * takes fails the message as if there were no try. `finally` runs in any case, for what it does: the body after it is
     * the one before.
     *
     * A `catch` sees what has failed for good: what may be tried again is, as the step's or the flow's error policy says.
     * (In Camel a doTry turns the error handler off, as its redelivery would start within the try again. Here the message
     * waits in the journal and goes on at the step that failed, so an outage need not become a business case.) A failure
     * is on record before a `catch` runs: after a crash the steps that failed are not tried again. A call in doubt is no
     * failure and leaves the message in doubt.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * import type { Operation } from 'linkspan/connect'
     * declare const charge: Operation<{ amount: number }, { receipt: string }, { kind: 'key'; validFor: '24h' }>
     * const paid = flow('paid')
     *   .from(inbox<{ amount: number }>())
     *   .try('charge', (t) => t
     *     .do((s) => s.call('card', charge, { input: (order) => order, as: 'paid' }).map((_, { paid }) => paid.receipt))
     *     .catch('declined', 'CALL_REJECTED', (s) => s.map((_, { error }) => `declined: ${error.message}`)))
     * ```
     */
    try<O, H extends FlowFacts>(
      name: string,
      build: (attempt: Attempt<B, N, F>) => Tried<O, H>,
      options?: CommonOptions,
    ): Steps<O, N, Merged<F, H>>
  }
}

/** The beginning of a try: what is tried. */
export interface Attempt<B, N, F extends FlowFacts> {
  /** The steps that may fail. */
  do<O, H extends FlowFacts>(
    scope: (steps: Steps<B, N, F>) => Ended<O, H>,
  ): Catching<B, N, F, O, Merged<F, H>>
}

/** A try so far: it ends with `O` or replies by `H`. */
export interface Catching<B, N, F extends FlowFacts, O, H extends FlowFacts> extends Tried<O, H> {
  /** Steps in the stead of those that failed, for errors that no `catch` before it takes. */
  catch<O2, H2 extends FlowFacts>(
    label: string,
    errors: Caught<B, N>,
    scope: (failed: Steps<B, N & Failed, F>) => Ended<O2, H2>,
  ): Catching<B, N, F, O | O2, Merged<H, H2>>
  /** Steps that run afterwards in any case, with the body from before the try. */
  finally<H2 extends FlowFacts>(scope: (after: Steps<B, N, F>) => Ended<unknown, H2>): Tried<O, Merged<H, H2>>
}

/** A try with all its parts. */
export interface Tried<O, H extends FlowFacts> {
  /** The labels of its parts so far. */
  readonly labels: readonly string[]
  /** Phantom: what it ends with and replies. Never set. */
  readonly __tried?: () => readonly [O, H]
}

type Build = (attempt: unknown) => unknown
type Scope = (inner: never) => unknown

interface Part {
  readonly scope: NewScope
  readonly predicate: unknown
}

const DO = 'do'
const FINALLY = 'finally'

/** The `try` step. */
export const tryStep: Pattern = {
  kind: 'try',
  stepClass: 'scope',
  summary: 'Runs steps, and others in their stead when they fail (doTry, doCatch, doFinally).',
  methods: {
    try: (draft, name: string, build: Build, common?: CommonOptions) => {
      const answer = needFunction(build, 'the function of try()', name)(beginning(draft, name))
      const parts = branchesOf(answer, 'try', name)
      if (parts.length === 1)
        throw invalid(`${stepWords(name)} has neither a catch() nor a finally(), so it changes nothing.`)
      return draft.add({
        kind: 'try',
        name,
        options: { finally: parts.at(-1)?.scope.name === FINALLY },
        code: { takes: parts.flatMap(({ predicate }) => (predicate === undefined ? [] : [predicate])) },
        scopes: parts.map(({ scope }) => scope),
        common,
      })
    },
  },
  compile(node, code, { path, program }) {
    const takes = code['takes'] as readonly Takes[]
    const [first, ...rest] = node.scopes.map((scope) => program(scope.name))
    const tried = caught(first as Program, rest.slice(0, takes.length), takes, path)
    return node.options['finally'] === true ? lastly(tried, rest.at(-1) as Program, path) : tried
  },
}

/** What is tried, with the parts that take its errors. */
function caught(
  attempt: Program,
  handlers: readonly Program[],
  takes: readonly Takes[],
  path: string,
): Executor {
  return (pass) => {
    const { body } = pass
    const context = pass.enter(path)
    const takesIt = (error: StoredError) => (take: Takes) =>
      answered(take(error, body, context), path, 'the predicate of a catch')
    const rescue = (error: StoredError): Executor | null => {
      const handler = handlers[takes.findIndex(takesIt(error))]
      return handler === undefined ? null : (rescued) => handler.run(rescued)
    }
    return pass.rescue(path, (inner) => attempt.run(inner), rescue)
  }
}

/** Runs the last part after whatever became of the others, but a wait. */
function lastly(tried: Executor, last: Program, path: string): Executor {
  const rescuePath = `${path}/${FINALLY}`
  return async (pass) => {
    const before = pass.body
    let failure: StoredError | null = null
    const failed = (error: StoredError): Executor => {
      failure = error
      return () => undefined
    }
    // What was tried lies beside this part, and is not met again when this part goes on after a wait or a crash.
    const stop = await pass.rescue(rescuePath, tried, failed, path)
    if (stop?.kind === 'suspend') return stop
    const after = pass.body
    pass.body = before
    const lastStop = await last.run(pass)
    if (lastStop !== undefined) return lastStop
    if (failure !== null) throw restoreError({ ...(failure as StoredError), retry: 'never' })
    pass.body = after
    return stop
  }
}

function beginning(draft: Draft, step: string): object {
  return holding(
    {
      labels: [],
      do: (build: Scope) =>
        chain(draft, step, [{ scope: branchScope(draft, DO, build, step), predicate: undefined }]),
    },
    [],
  )
}

function chain(draft: Draft, step: string, parts: readonly Part[]): object {
  return holding(
    {
      labels: labelsOf(parts),
      catch: (label: string, errors: unknown, build: Scope) => {
        if (label === DO || label === FINALLY)
          throw invalid(`${stepWords(step)}: a catch may not be called "${label}", as another part of it is.`)
        const scope = branchScope(draft, label, build, step, { binds: ['error'] })
        return chain(draft, step, [
          ...parts,
          { scope, predicate: takesOf(errors, `the catch ${JSON.stringify(label)}`, step) },
        ])
      },
      finally: (build: Scope) => {
        const all = [...parts, { scope: branchScope(draft, FINALLY, build, step), predicate: undefined }]
        return holding({ labels: labelsOf(all) }, all)
      },
    },
    parts,
  )
}

function labelsOf(parts: readonly Part[]): readonly string[] {
  return parts.map(({ scope }) => scope.label)
}
