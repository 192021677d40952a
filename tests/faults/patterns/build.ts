/** Builds the flows of a recipe. */
import { channel, deadLetter, event, exponential, type Flow, flow, inbox, retry, rules, when } from 'linkspan'
import { LinkspanError } from 'linkspan/connect'
import type { SystemName } from '../simulation/failpoints.ts'
import type { Operations } from '../simulation/operations.ts'
import { asChain, type Builder, type Chain, isRejected } from './kind.ts'
import { kindNamed } from './kinds/index.ts'
import { RAISED_VALUE } from './kinds/waits.ts'
import type { FlowRecipe, Recipe, Sequence, Thing } from './recipe.ts'

/** The flow through which an event of a step is raised from outside. */
export const raiserOf = (step: string): string => `raise ${step}`

const REPEATED_FOR = '1000d'

/** What fails for reasons that pass is tried again for as long as it takes; what was rejected never. */
const onError = rules(
  ...(
    [
      'BODY_INVALID',
      'CALL_REJECTED',
      'WAIT_TIMED_OUT',
      'SPLIT_ITEM_FAILED',
      'AGGREGATE_CLOSED',
      'SEQUENCE_PASSED',
    ] as const
  ).map((code) => when(code, deadLetter())),
  retry({ attempts: 10_000, backoff: exponential('100ms', '5s') }),
)

/** Makes the flows, with what they call. */
export function build({ flows, channels, raises }: Recipe, operations: Operations): readonly Flow[] {
  const strict = strictOf(operations)
  const declared = new Map(channels.map(({ name, kind }) => [name, channel<Thing>(name, { kind })]))
  const eventNamed: Builder['event'] = (name) => event<number>(name, { keep: '30d' })
  const channelNamed: Builder['channel'] = (name) => declared.get(name) as ReturnType<Builder['channel']>

  const buildFlow = ({ name, channel: from, steps, fallback, completion, bounds }: FlowRecipe): Flow => {
    const builder: Builder = {
      flow: name,
      channel: channelNamed,
      event: eventNamed,
      operation: (system, isStrict) => (isStrict ? strict : operations)[system],
      sequence: (chain, sequence) => sequenceOf(chain, sequence, builder),
      sunk:
        (step, value = ({ v }) => v) =>
        (body, ctx) => ({
          flow: name,
          n: body.n,
          key: body.key,
          step,
          item: body.at.join('/'),
          value: value(body, ctx),
        }),
    }
    const options = {
      key: ({ key }: Thing) => key,
      index: { n: ({ n }: Thing) => n },
      dedupeFor: REPEATED_FOR,
    } as const
    const begun = flow(name, { onError, ...bounds })
    const begin =
      from === null ? begun.from(inbox<Thing>(), options) : begun.from(channelNamed(from), options)
    const chain = builder.sequence(hooked(asChain(begin), completion, builder), steps)
    if (fallback === null) return chain
    return chain.onError((failed) => builder.sequence(asChain(failed), fallback))
  }

  const raisers = raises.map(({ step }) =>
    flow(raiserOf(step))
      .from(inbox<{ readonly who: string }>(), { dedupeFor: REPEATED_FOR })
      .raise('raise', eventNamed(step), { key: ({ who }) => who, value: () => RAISED_VALUE }),
  )
  return [...flows.map(buildFlow), ...raisers]
}

function hooked(chain: Chain, completion: FlowRecipe['completion'], builder: Builder): Chain {
  if (completion === null) return chain
  const { name, on, steps } = completion
  return chain.onCompletion(
    name,
    (ended) => builder.sequence(asChain(ended.map('what was accepted', ({ body }) => body)), steps),
    { on },
  )
}

function sequenceOf(chain: Chain, sequence: Sequence, builder: Builder): Chain {
  return sequence.reduce((steps, step) => kindNamed(step.kind).build(steps, step, builder), chain)
}

/** Operations on the same systems that reject some of what they are sent, before it arrives. */
function strictOf(operations: Operations): Operations {
  const strict = <S extends SystemName>(system: S): Operations[S] => {
    const operation = operations[system]
    return {
      ...operation,
      name: `strict ${system}`,
      run: (client, input, call) => {
        if (!isRejected(input.value)) return operation.run(client, input, call)
        throw new LinkspanError('CALL_REJECTED', `${input.value} is not wanted.`, {
          retry: 'never',
          applied: 'no',
        })
      },
    }
  }
  return {
    natural: strict('natural'),
    key: strict('key'),
    verify: strict('verify'),
    none: strict('none'),
  }
}
