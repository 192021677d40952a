import { activemq } from './activemq.ts'
import { artemis } from './artemis.ts'
import { kafkaServices } from './kafka.ts'
import { single, triple } from './kafka-clusters.ts'
import { mariadb } from './mariadb.ts'
import { mosquitto } from './mosquitto.ts'
import { nats } from './nats.ts'
import { pgbouncer } from './pgbouncer.ts'
import { postgres } from './postgres.ts'
import { rabbitmq } from './rabbitmq.ts'
import { redis } from './redis.ts'
import { registry } from './registry.ts'
import type { Service } from './service.ts'

/** All services; each stands behind those it needs. */
export const services: readonly Service[] = [
  postgres,
  pgbouncer,
  mariadb,
  redis,
  rabbitmq,
  mosquitto,
  nats,
  ...kafkaServices(single),
  ...kafkaServices(triple),
  registry,
  activemq,
  artemis,
]
