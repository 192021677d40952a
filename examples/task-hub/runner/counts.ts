import { join } from 'node:path'
import { createAdminClient, findEngine } from 'linkspan'
import type { MessageState } from '../protocol.ts'
import { FED_FLOW } from './metrics.ts'

/** How many messages of the flow that the feeder feeds are in each state, those of earlier lives of the hub included. */
export type Counts = Readonly<Record<MessageState, number>>

const EXAMPLE = join(import.meta.dirname, '..')

/**
 * Asks the hub by the admin API, which counts what the journal has; the counters of `/metrics` begin again with each
 * life. Null while the hub does not answer.
 */
export async function readCounts(runFolder: string): Promise<Counts | null> {
  try {
    const engine = (await findEngine(join(runFolder, 'hub'))) ?? (await findEngine(EXAMPLE))
    const flows = engine === null ? [] : await createAdminClient(engine).flows()
    return flows.find(({ name }) => name === FED_FLOW)?.messages ?? null
  } catch {
    return null
  }
}
