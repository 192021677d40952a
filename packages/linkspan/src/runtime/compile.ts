import { LinkspanError } from '../model/errors.ts'
import { type ScopeNode, type StepCode, type StepNode, stepPath } from '../model/flow-definition.ts'
import { asPolicy, DEFAULT_ERROR_POLICY, type ErrorAction, type ErrorPolicy } from '../model/policy.ts'
import { pathAt, renamedPlace } from '../model/step-place.ts'
import { patternsByKind } from '../patterns/index.ts'
import {
  type Executor,
  FLOW_FALLBACK,
  type Pass,
  type Pattern,
  type Program,
  type StepResult,
} from '../patterns/pattern.ts'
import type { Flow } from '../patterns/steps.ts'
import { type Hooks, hooksOf } from './completion-hooks.ts'
import type { CompiledStep, RunningPass } from './pass/running-pass.ts'

/** A flow ready to run. */
export interface CompiledFlow {
  readonly name: string
  readonly flow: Flow
  readonly codeVersion: string
  readonly program: Program
  /** What children run, by the path of their scope. */
  readonly entries: ReadonlyMap<string, Program>
  readonly steps: ReadonlyMap<string, StepNode>
  /** Paths that records may still be under, with the present path. */
  readonly renamed: ReadonlyMap<string, string>
  readonly policy: ErrorPolicy
  readonly fallback: Program | null
  readonly hooks: Hooks
}

interface Build {
  readonly flow: Flow
  readonly entries: Map<string, Program>
  readonly steps: Map<string, StepNode>
  readonly renamed: Map<string, string>
}

/**
 * Makes a flow ready to run.
 * @throws {LinkspanError} `FLOW_INVALID` for a step whose pattern is not known here.
 */
export function compileFlow(
  flow: Flow,
  codeVersion: string,
  projectPolicy: ErrorPolicy | undefined,
): CompiledFlow {
  const { definition } = flow
  const build: Build = { flow, entries: new Map(), steps: new Map(), renamed: new Map() }
  const own = flow.own['onError'] as ErrorAction | ErrorPolicy | undefined
  const fallback = definition.fallback
    ? compileSteps(definition.fallback, FLOW_FALLBACK, [FLOW_FALLBACK], build)
    : null
  const policy = own === undefined ? (projectPolicy ?? DEFAULT_ERROR_POLICY) : asPolicy(own)
  return {
    name: definition.name,
    flow,
    codeVersion,
    program: compileSteps(definition.steps, '', [''], build),
    entries: build.entries,
    steps: build.steps,
    renamed: build.renamed,
    policy,
    fallback,
    hooks: hooksOf(definition),
  }
}

/** The path of a child that another engine made to wake its parent begins so; a step's path cannot. */
export const WAKING = '/wake/'

const wakingParent: Program = {
  run: (pass) => (pass as RunningPass).wakeParent(),
}

/** What the children made at a place run, also where a step around them had another name; undefined when it is gone. */
export function entryAt(flow: CompiledFlow, place: string): Program | undefined {
  if (place.startsWith(WAKING)) return wakingParent
  return flow.entries.get(pathAt(renamedPlace(place, flow.renamed) ?? place))
}

/** `aliases` are the paths that the scope has or had. */
function compileSteps(
  nodes: readonly StepNode[],
  scope: string,
  aliases: readonly string[],
  build: Build,
): Program {
  return sequence(nodes.map((node) => compileStep(node, scope, aliases, build)))
}

function compileStep(node: StepNode, scope: string, aliases: readonly string[], build: Build): CompiledStep {
  const path = stepPath(scope, node.name)
  const names = [node.name, ...node.renamedFrom]
  const paths = aliases.flatMap((alias) => names.map((name) => stepPath(alias, name)))
  for (const former of paths) if (former !== path) build.renamed.set(former, path)
  build.steps.set(path, node)
  const scopes = new Map(node.scopes.map((inner) => [inner.name, compileScope(inner, path, paths, build)]))
  const pattern = patternsByKind.get(node.kind)
  if (!pattern)
    throw new LinkspanError(
      'FLOW_INVALID',
      `Step "${path}" of flow "${build.flow.definition.name}" is of kind "${node.kind}", which no pattern here runs.`,
    )
  const code: StepCode = build.flow.code.get(path) ?? {}
  const inner = (name: string): { path: string; program: Program } => {
    const found = scopes.get(name)
    if (!found) throw new LinkspanError('FLOW_INVALID', `Step "${path}" has no scope "${name}".`)
    return found
  }
  const run = pattern.compile(node, code, {
    path,
    program: (name) => inner(name).program,
    entry: (name) => {
      const { path: entryPath, program } = inner(name)
      build.entries.set(entryPath, program)
      return entryPath
    },
    codeOf: (below) => build.flow.code.get(below) ?? {},
  })
  return {
    path,
    kind: node.kind,
    node,
    run: guarded(run, path, code, fallbackOf(node, pattern, scopes.get('fallback')?.program)),
  }
}

function compileScope(
  inner: ScopeNode,
  path: string,
  paths: readonly string[],
  build: Build,
): { path: string; program: Program } {
  const within = (outer: string): string => (inner.name === '' ? outer : stepPath(outer, inner.name))
  const scopePath = within(path)
  const aliases = paths.map(within)
  for (const former of aliases) if (former !== scopePath) build.renamed.set(former, scopePath)
  return { path: scopePath, program: compileSteps(inner.steps, scopePath, aliases, build) }
}

/** The steps that run in the place of a step that failed for good, and where their result goes. */
function fallbackOf(node: StepNode, pattern: Pattern, program: Program | undefined): Program | null {
  if (!program) return null
  return {
    run: (pass) => {
      const before = pass.body
      const placed = (stop: StepResult): StepResult => {
        if (stop === undefined) pattern.afterFallback?.(node, pass, before)
        return stop
      }
      const result = program.run(pass)
      return result instanceof Promise ? result.then(placed) : placed(result)
    },
  }
}

/** A step whose failures its own policy decides on; others leave them to the flow's. */
function guarded(run: Executor, path: string, code: StepCode, fallback: Program | null): Executor {
  const given = code['onError'] as ErrorAction | ErrorPolicy | undefined
  if (given === undefined && fallback === null) return run
  const policy = given === undefined ? null : asPolicy(given)
  return (pass) => (pass as RunningPass).guard(path, run, policy, fallback)
}

/** A sequence that stays synchronous as long as its steps do. */
function sequence(steps: readonly CompiledStep[]): Program {
  const from = (pass: Pass, start: number): StepResult | Promise<StepResult> => {
    const { observer } = pass as RunningPass
    for (let at = start; at < steps.length; at += 1) {
      const step = steps[at] as CompiledStep
      const result = observer === null ? step.run(pass) : observer.step(step, pass as RunningPass)
      if (result === undefined) continue
      if (!(result instanceof Promise)) return result
      return result.then((stop) => stop ?? from(pass, at + 1))
    }
    return undefined
  }
  return { run: (pass) => from(pass, 0) }
}
