import { hashHex } from '../../model/hashing.ts'
import { rootId } from '../../model/message-id.ts'

/**
 * The id of a message that lies in its source's log: the same each time it is delivered, so that its calls carry the same
 * marks. Its place is 0, which the journal gives to no message.
 */
export function sourceMessageId(flowIdentity: string, identity: string): string {
  // Each half is of 64 bits that are gathered from the text, beginning elsewhere.
  const half = (side: string): string => hashHex(`${side}\u0000${flowIdentity}\u0000${identity}`, 2)
  return rootId(0, half('one') + half('two'))
}
