import { join } from 'node:path'
import { freeze, kill, named, type Place, thaw, up } from './control.ts'
import { running } from './daemon.ts'
import { services } from './list.ts'
import { servicesFolder } from './presence.ts'

/** A service that a test talks to. */
export interface ServiceUnderTest {
  /** The variables by which it is found: `LINKSPAN_TEST_REDIS_URL`. */
  readonly environment: Readonly<Record<string, string>>
  /** How it is hurt; null where others keep it, as Docker does. Whoever hurts it brings it back. */
  readonly trouble: ServiceTrouble | null
}

/** What the suite of connectors may do to a server. */
export interface ServiceTrouble {
  /** Kills it, with no word to it. */
  stop(): Promise<void>
  /** Brings it back, and resolves when it takes connections. */
  start(): Promise<void>
  freeze(): Promise<void>
  thaw(): Promise<void>
}

/**
 * A service by its name, for a `*.services.test.ts`; null where it is not up, and then its tests are left out:
 *
 *     const redis = serviceUnderTest('redis')
 *     describe.skipIf(redis === null)('Redis', () => …)
 */
export function serviceUnderTest(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
): ServiceUnderTest | null {
  const [service] = named(services, [name])
  if (service === undefined) return null
  const { environment } = service
  if (Object.keys(environment).some((variable) => env[variable] === undefined)) return null
  const place: Place = { folder: servicesFolder(env), say: () => undefined }
  if (running(join(place.folder, name)) === null) return { environment, trouble: null }
  const only = [service]
  return {
    environment,
    trouble: {
      stop: () => kill(only, place),
      start: () => up(only, place),
      freeze: async () => freeze(only, place),
      thaw: async () => thaw(only, place),
    },
  }
}
