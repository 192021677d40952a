import { join } from 'node:path'
import { type HubEnvironment, UNSAFE, type Unsafe } from './protocol.ts'

/** What the environment says of this hub, for what has to be known before the engine looks up its references. */
export interface HubSettings {
  /** The folder for the journal and the task store. */
  readonly data: string
  readonly mode: HubEnvironment['HUB_MODE']
  /** The protection that is switched off, so that the ledger can be seen to notice. */
  readonly unsafe: Unsafe | null
}

/** The settings of this process. */
export const settings: HubSettings = readSettings(process.env)

/** Reads the settings; what is not set is as in a live hub beside this file. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): HubSettings {
  const { HUB_DATA, HUB_MODE = 'live', HUB_UNSAFE = '' } = environment
  if (HUB_MODE !== 'live' && HUB_MODE !== 'once')
    throw new Error(`HUB_MODE is "${HUB_MODE}". Set it to live or once.`)
  const unsafe = UNSAFE.find((name) => name === HUB_UNSAFE) ?? null
  if (unsafe === null && HUB_UNSAFE !== '')
    throw new Error(`HUB_UNSAFE is "${HUB_UNSAFE}". Leave it empty, or set it to ${UNSAFE.join(' or ')}.`)
  return { data: HUB_DATA ?? join(import.meta.dirname, 'data', 'hub'), mode: HUB_MODE, unsafe }
}
