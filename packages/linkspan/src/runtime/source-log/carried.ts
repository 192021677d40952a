import { LinkspanError } from '../../model/errors.ts'
import { type StepNode, walkSteps } from '../../model/flow-definition.ts'
import type { Flow } from '../../patterns/steps.ts'

/** Kinds of steps that a message can go through that lies in its source's log. */
const CARRIED: ReadonlySet<string> = new Set([
  'call',
  'choice',
  'dynamicRouter',
  'filter',
  'group',
  'log',
  'loop',
  'map',
  'publish',
  'routingSlip',
  'sort',
  'stop',
  'to',
  'try',
  'validate',
])
/** Those that keep engine state, which is possible where one engine has the journal. */
const STATEFUL: ReadonlySet<string> = new Set(['dedupe', 'sample', 'state'])

/**
 * Checks that a flow can keep its messages in its source's log, where it states `durability: 'source'`.
 * @throws {LinkspanError} `FLOW_INVALID` with what to change.
 */
export function checkCarried(flow: Flow): void {
  const { definition, source } = flow
  if (definition.settings.durability !== 'source') return
  const refuse = (why: string): never => {
    throw new LinkspanError(
      'FLOW_INVALID',
      `The flow "${definition.name}" states durability: 'source', and cannot have it: ${why}`,
      { details: { flow: definition.name } },
    )
  }
  if (source.log === undefined)
    refuse(
      `its source (${source.connector} ${source.name}) has no log of its own that is durable and read again. Leave the option out, and the journal keeps the messages.`,
    )
  else if (source.log.unfit !== null) refuse(source.log.unfit)
  if (definition.source.deduped)
    refuse(
      'from() states dedupe, and the journal does not remember its messages. Leave that out: a message is known by its place in the log; or use a step .dedupe(…).',
    )
  walkSteps([...definition.steps, ...(definition.fallback ?? [])], (node, path) => {
    const problem = problemOf(node)
    if (problem !== null) refuse(`step "${path}" ${problem}`)
  })
}

/** Checks that no flow in its source's log keeps engine state in a journal that others share. */
export function checkCarriedByMany(flow: Flow): void {
  const { definition } = flow
  if (definition.settings.durability !== 'source') return
  walkSteps([...definition.steps, ...(definition.fallback ?? [])], (node, path) => {
    if (!STATEFUL.has(node.kind)) return
    throw new LinkspanError(
      'FLOW_INVALID',
      `The flow "${definition.name}" states durability: 'source', and its step "${path}" (${node.kind}) keeps engine state, which several engines share here. Use a journal of one engine, or leave the option out.`,
      { details: { flow: definition.name } },
    )
  })
}

function problemOf({ kind, options }: StepNode): string | null {
  if (kind === 'dedupe' && options['remember'] !== undefined)
    return `(dedupe with remember: '${String(options['remember'])}') asks the journal how messages ended, which does not have those that ended well. Use remember: 'seen', or leave the option durability out.`
  if (CARRIED.has(kind) || STATEFUL.has(kind)) return null
  return `(${kind}) makes other messages of a message or lets it wait in the journal, where it does not lie. Publish to a channel, and let a flow that the journal keeps go on from there; or leave the option durability out.`
}
