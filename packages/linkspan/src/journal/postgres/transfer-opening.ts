import type { LinkspanError } from '../../model/errors.ts'
import { importClient } from './client.ts'
import { createLink, type Link } from './link.ts'
import { LONG_MS, placeOf } from './links.ts'
import { DEFAULT_PARTITIONS } from './members-sql.ts'
import { noJournal, openingError, tooOld } from './postgres-error.ts'
import type { StoreOptions } from './store-options.ts'
import type { TransferPlace } from './transfer-place.ts'

/**
 * Opens a connection of its own for a copy.
 * @throws {LinkspanError} what `JournalTransfer` states
 */
export async function openToTransfer<Door>(
  options: StoreOptions,
  open: (link: Link, place: TransferPlace) => Promise<Door>,
): Promise<Door> {
  const { schema, volumeSize, environment, partitions } = options
  const place = placeOf(await options.url(), schema)
  const client = await importClient(environment.directory)
  const link = createLink({ ...options, client, pipeline: false, answerTimeoutMs: LONG_MS })
  const missing = (version: number): LinkspanError =>
    version === 0 ? noJournal(place) : tooOld(place, version)
  try {
    return await open(link, {
      schema,
      place,
      volumeSize,
      partitions: partitions ?? DEFAULT_PARTITIONS,
      noJournal: missing,
    })
  } catch (error) {
    await link.drop()
    throw openingError(error, place)
  }
}
