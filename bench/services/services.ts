import { startKafka } from './kafka.ts'
import { startPostgres } from './postgres.ts'
import { startRedis } from './redis.ts'
import type { Service, ServiceStart } from './service.ts'

export type ServiceName = 'redis' | 'postgres' | 'kafka'

/** The services of one table: each started when first asked for, all ended by `stop`. */
export type Services = {
  readonly get: (name: ServiceName) => Promise<ServiceStart>
  readonly stop: () => Promise<void>
}

const starters: Readonly<
  Record<ServiceName, (env: Readonly<Record<string, string>>) => Promise<ServiceStart>>
> = {
  redis: startRedis,
  postgres: startPostgres,
  kafka: startKafka,
}

/** `env` is added to each service's environment, as the slow disk has to be slow for them too. */
export const services = (env: Readonly<Record<string, string>>): Services => {
  const started = new Map<ServiceName, ServiceStart>()
  return {
    get: async (name) => {
      const known = started.get(name) ?? (await starters[name](env))
      started.set(name, known)
      return known
    },
    stop: async () => {
      const running = [...started.values()].flatMap((start): Service[] =>
        'service' in start ? [start.service] : [],
      )
      started.clear()
      await Promise.all(running.map((service) => service.stop()))
    },
  }
}
