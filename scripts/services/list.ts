import { pgbouncer } from './pgbouncer.ts'
import { postgres } from './postgres.ts'
import type { Service } from './service.ts'

/** All services; each stands behind those it needs. */
export const services: readonly Service[] = [postgres, pgbouncer]
