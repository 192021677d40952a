import { join } from 'node:path'
import { root } from '../lib/files.ts'
import { running } from './daemon.ts'
import type { Obtainable, Service } from './service.ts'

/** Whether a service can be tested against now. */
export interface Presence {
  readonly service: Service
  /** `ready`: `npm run services` brought it up. `elsewhere`: it answers, and others keep it, as Docker does. */
  readonly state: 'ready' | 'elsewhere' | 'missing'
  /** Its version, where it is known; why it is missing, where it is. */
  readonly note: string
  /** Whether it could be had on this machine, so that its absence is a fault. */
  readonly obtainable: boolean
}

/** Where services keep their data unless said otherwise. */
export const servicesFolder = (env: NodeJS.ProcessEnv = process.env): string =>
  env['LINKSPAN_SERVICES_FOLDER'] ?? join(root, 'data', 'services')

/** How each service stands, by whether it answers as it should. */
export function presences(
  services: readonly Service[],
  folder: string = servicesFolder(),
): Promise<readonly Presence[]> {
  // All of it first: it asks programs for their versions and waits for them, while the servers' answers have a time limit.
  const found = services.map((service) => ({ service, found: service.obtainable() }))
  return Promise.all(found.map((each) => presenceOf(each, join(folder, each.service.name))))
}

async function presenceOf(
  { service, found }: { readonly service: Service; readonly found: Obtainable },
  folder: string,
): Promise<Presence> {
  const obtainable = found.state !== 'no'
  if (await service.ready(folder)) {
    const ours = running(folder) !== null
    const note = ours && found.state === 'installed' ? found.version : 'kept by others'
    return { service, state: ours ? 'ready' : 'elsewhere', note, obtainable }
  }
  const note =
    found.state === 'no' ? `not to be had here: ${found.why}` : `down: npm run services -- up ${service.name}`
  return { service, state: 'missing', note, obtainable }
}

/** The environment by which tests find the services that are there; of the others nothing is set. */
export function environmentOf(found: readonly Presence[]): Readonly<Record<string, string>> {
  return Object.assign(
    {},
    ...found.map(({ service, state }) => (state === 'missing' ? {} : service.environment)),
  )
}
