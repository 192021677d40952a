import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { kill, pid } from 'node:process'

/**
 * What tells whether a process is gone for those that see the same processes: the same boot of the same host, and the same
 * list of process ids (containers have lists of their own). Empty texts where the system does not say so.
 */
export interface ProcessMark {
  /** The process and its host, for people. */
  readonly name: string
  readonly host: string
  /** The process id, and when the process started, as ids are used again. */
  readonly process: string
}

/** The mark of this process. */
export function ownMark(): ProcessMark {
  const name = `process ${pid} on ${hostname()}`
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const host = `${boot} ${readlinkSync('/proc/self/ns/pid')}`
    return { name, host, process: `${pid} ${startOf(pid).startedAt}` }
  } catch {
    return { name, host: '', process: '' }
  }
}

/**
 * Whether a process of a mark whose host is this one has certainly ended. Only what the system says for sure counts:
 * where it may not be looked at, it may be running.
 */
export function isGone(process: string): boolean {
  const [id, startedAt] = process.split(' ')
  if (id === undefined || startedAt === undefined || !/^[1-9]\d*$/.test(id)) return false
  try {
    kill(Number(id), 0)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ESRCH') return true
  }
  try {
    const found = startOf(Number(id))
    return found.startedAt !== startedAt || found.hasEnded
  } catch {
    return false
  }
}

/** The name of a program, which stands in parentheses, may hold spaces and parentheses itself. */
function startOf(id: number): { readonly startedAt: string; readonly hasEnded: boolean } {
  const text = readFileSync(`/proc/${id}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, startedAt] = [fields[0], fields[19]]
  if (state === undefined || startedAt === undefined) throw new Error(`There is no start in "${text}".`)
  // A process that its parent has not taken note of yet runs no more.
  return { startedAt, hasEnded: state === 'Z' || state === 'X' }
}
