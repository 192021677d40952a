/** Cases by seed: the same seed draws the same ones. */
import { drawsOf } from '../../faults/simulation/draws.ts'
import type { Case } from '../case.ts'
import { claimCheck, enricher, idempotentConsumer, loop, sort } from './changes.ts'
import type { Generator } from './drawn.ts'
import { multicast, recipientList, splitter } from './fan-out.ts'
import { aggregator, aggregatorByTime, aggregatorOfAll, batchResequencer, resequencer } from './gathering.ts'
import {
  choice,
  circuitBreaker,
  dynamicRouter,
  failover,
  filter,
  loadBalancer,
  routingSlip,
} from './routing.ts'

/** A generator for each pattern that is compared. */
export const GENERATORS: Readonly<Record<string, Generator>> = {
  choice,
  filter,
  splitter,
  aggregator,
  'aggregator by time': aggregatorByTime,
  'aggregator of all groups': aggregatorOfAll,
  resequencer,
  'resequencer of batches': batchResequencer,
  multicast,
  'recipient list': recipientList,
  'routing slip': routingSlip,
  'dynamic router': dynamicRouter,
  'load balancer': loadBalancer,
  'load balancer with failover': failover,
  'circuit breaker': circuitBreaker,
  'idempotent consumer': idempotentConsumer,
  loop,
  'claim check': claimCheck,
  sort,
  enricher,
}

/** One case of each pattern. */
export function casesOf(seed: number): readonly Case[] {
  return Object.entries(GENERATORS).map(([pattern, draw]) => {
    const id = `${pattern} ${seed}`
    return { id, pattern, ...draw(drawsOf(id)) }
  })
}
