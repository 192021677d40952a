import type { StoredMessage } from '../journal/journal.ts'
import { LinkspanError } from '../model/errors.ts'

/** The error for a message that is not in a state for what is asked. */
export function wrongState(stored: StoredMessage, advice: string): LinkspanError {
  const state = stored.ending?.ending ?? 'live'
  return new LinkspanError('MESSAGE_STATE', `The message ${stored.id} is ${state}. ${advice}`, {
    details: { id: stored.id, state },
  })
}
