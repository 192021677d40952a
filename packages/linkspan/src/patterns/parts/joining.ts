import { LinkspanError } from '../../model/errors.ts'
import type { StepNode } from '../../model/flow-definition.ts'
import type { Json } from '../../model/message.ts'
import type { Pass } from '../pattern.ts'
import { answered } from './answered.ts'
import { invalid, needFunction, shown, stepWords } from './arguments.ts'
import { asJson } from './json.ts'
import { placer } from './placed.ts'

/** The most outputs that `join: 'collect'` keeps. */
export const COLLECT_LIMIT = 10_000

/** How children's last bodies are folded, as it runs. */
export interface RunJoin {
  readonly initial: () => unknown
  readonly add: (joined: unknown, output: unknown, index: number) => unknown
}

/** A join as it is given to a builder method. */
export interface GivenJoin {
  readonly join?: 'collect' | (RunJoin & { readonly as?: string })
  readonly as?: string
}

/** A join as a step keeps it. */
export interface CheckedJoin {
  readonly options: Readonly<Record<string, Json>>
  readonly code: Readonly<Record<string, unknown>>
  readonly binds: readonly string[]
}

/** A join as data and code; refuses what is none. */
export function checkJoin(given: GivenJoin, step: string): CheckedJoin {
  const { join } = given
  const as = nameOf(given, step)
  return {
    options: {
      ...(as === undefined ? {} : { as }),
      join: join === undefined ? 'none' : join === 'collect' ? 'collect' : 'fold',
    },
    code: typeof join === 'object' ? { initial: join.initial, add: join.add } : {},
    binds: as === undefined ? [] : [as],
  }
}

function nameOf({ join, as }: GivenJoin, step: string): string | undefined {
  if (join === undefined) {
    if (as === undefined) return undefined
    throw invalid(`${stepWords(step)} has "as" but no join. Add join: 'collect', or leave "as" out.`)
  }
  if (join === 'collect') {
    if (typeof as === 'string') return as
    throw invalid(`${stepWords(step)} collects its outputs: name the array by "as".`)
  }
  if (typeof join !== 'object' || join === null)
    throw invalid(`${stepWords(step)}: join is 'collect' or { initial, add }, not ${shown(join)}.`)
  needFunction(join.initial, 'initial of the join', step)
  needFunction(join.add, 'add of the join', step)
  return join.as
}

/** The join of a compiled step; undefined when its children's last bodies are not kept. */
export function joinOf(
  { options }: StepNode,
  code: Readonly<Record<string, unknown>>,
  path: string,
): RunJoin | undefined {
  const kind = options['join']
  if (kind === 'fold')
    return { initial: code['initial'] as RunJoin['initial'], add: code['add'] as RunJoin['add'] }
  return kind === 'collect' ? collecting(path) : undefined
}

function collecting(path: string): RunJoin {
  return {
    initial: () => [],
    add: (joined, output) => {
      const list = joined as unknown[]
      if (list.length >= COLLECT_LIMIT) throw tooLarge(path)
      list.push(output)
      return list
    },
  }
}

/** Puts what the children's outputs are joined to where the step's option `as` says. */
export function joiner(node: StepNode, path: string): (pass: Pass, join: RunJoin) => Promise<void> {
  const place = placer(node)
  return async (pass, join) => place(pass, await joinedValue(pass, path, join))
}

async function joinedValue(pass: Pass, path: string, join: RunJoin): Promise<unknown> {
  const recalled = pass.recall(path)
  if (recalled) return recalled.value
  let value = answered(join.initial(), path, 'initial of its join')
  for await (const { index, output } of pass.outputs(path))
    value = answered(join.add(value, output, index), path, 'add of its join')
  const kept = asJson(value, path, 'the joined value')
  pass.record(path, kept)
  return kept
}

/** More outputs than are collected. */
export function tooLarge(path: string): LinkspanError {
  return new LinkspanError(
    'JOIN_TOO_LARGE',
    `The step "${path}" collects more than ${COLLECT_LIMIT} outputs. Fold them instead: join: { initial: () => …, add: (joined, output) => … }.`,
    { details: { path, limit: COLLECT_LIMIT } },
  )
}
