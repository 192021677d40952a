import type { ClusterMember } from '../journal/journal.ts'

/** Whether something of an engine may still get into the journal. */
export function mayWrite(member: ClusterMember | undefined): boolean {
  return member !== undefined && member.state !== 'closed' && member.fenced !== true
}
