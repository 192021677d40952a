import { join } from 'node:path'
import { downloads } from '../../scripts/services/programs.ts'

export const redpandaConnectVersion = '4.61.0'

/** Where the program is once it is built. */
export const binary = (): string =>
  join(downloads(), `redpanda-connect-kafka-${redpandaConnectVersion}`, 'redpanda-connect')
