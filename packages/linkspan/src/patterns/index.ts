import { aggregate } from './aggregate.ts'
import { call } from './call.ts'
import { choice } from './choice.ts'
import { circuitBreaker } from './circuit-breaker.ts'
import { claimCheck } from './claim-check.ts'
import { control } from './control.ts'
import { dedupe } from './dedupe.ts'
import { delay } from './delay.ts'
import { dynamicRouter } from './dynamic-router.ts'
import { filter } from './filter.ts'
import { group } from './group.ts'
import { loadBalance } from './load-balance.ts'
import { log } from './log.ts'
import { loop } from './loop.ts'
import { map } from './map.ts'
import { multicast } from './multicast.ts'
import { onCompletion } from './on-completion.ts'
import { onError } from './on-error.ts'
import type { Pattern } from './pattern.ts'
import { processStep } from './process.ts'
import { publish } from './publish.ts'
import { raise } from './raise.ts'
import { recipients } from './recipients.ts'
import { reply } from './reply.ts'
import { resequence } from './resequence.ts'
import { routingSlip } from './routing-slip.ts'
import { saga } from './saga.ts'
import { sample } from './sample.ts'
import { sort } from './sort.ts'
import { split } from './split.ts'
import { state } from './state.ts'
import { stop } from './stop.ts'
import { tap } from './tap.ts'
import { throttle } from './throttle.ts'
import { to } from './to.ts'
import { tryStep } from './try.ts'
import { validate } from './validate.ts'
import { waitFor } from './wait-for.ts'

/** All patterns. A new one is put in this list and its file exported below; nothing else has to change. */
export const patterns: readonly Pattern[] = [
  map,
  filter,
  validate,
  sort,
  claimCheck,
  choice,
  group,
  split,
  multicast,
  recipients,
  loadBalance,
  circuitBreaker,
  aggregate,
  resequence,
  tap,
  delay,
  dedupe,
  sample,
  throttle,
  state,
  call,
  to,
  publish,
  reply,
  log,
  stop,
  loop,
  routingSlip,
  dynamicRouter,
  tryStep,
  saga,
  onCompletion,
  processStep,
  waitFor,
  control,
  raise,
]

/** Builder methods that make no step of their own. */
export const flowMethods: Pattern['methods'] = { onError }

/** The patterns by the kind of their steps. */
export const patternsByKind: ReadonlyMap<string, Pattern> = new Map(
  patterns.map((pattern) => [pattern.kind, pattern]),
)

export * from './aggregate.ts'
export * from './call.ts'
export * from './choice.ts'
export * from './circuit-breaker.ts'
export * from './claim-check.ts'
export * from './dedupe.ts'
export * from './delay.ts'
export * from './dynamic-router.ts'
export * from './filter.ts'
export * from './group.ts'
export * from './load-balance.ts'
export * from './log.ts'
export * from './loop.ts'
export * from './map.ts'
export * from './multicast.ts'
export * from './on-completion.ts'
export * from './on-error.ts'
export * from './parts/answered.ts'
export * from './parts/calling.ts'
export type { Caught } from './parts/caught.ts'
export * from './parts/fan-out.ts'
export * from './parts/groups-of.ts'
export * from './parts/merged.ts'
export * from './parts/narrowed.ts'
export * from './pattern.ts'
export * from './process.ts'
export * from './publish.ts'
export * from './raise.ts'
export * from './recipients.ts'
export * from './reply.ts'
export * from './resequence.ts'
export * from './routing-slip.ts'
export * from './saga.ts'
export * from './sample.ts'
export * from './sort.ts'
export * from './split.ts'
export * from './state.ts'
export * from './steps.ts'
export * from './stop.ts'
export * from './tap.ts'
export * from './throttle.ts'
export * from './to.ts'
export * from './try.ts'
export * from './validate.ts'
export * from './wait-for.ts'
