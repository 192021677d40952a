import type { StoredMessage } from '../../journal/journal.ts'
import type { Delivered } from './sender.ts'

/** Messages by what they come from, since their ids and places differ between runs. */
export interface Names {
  /** The delivery that a message comes from in the end; 0 for one that no delivery caused. */
  family(message: string | number): number
  /** A name for people: `message 2`, `message 2 → billing`, `message 2, lines[0]`. */
  name(message: string | number): string
  /** A value as text in which ids and marks are names, so that it can be compared between runs. */
  text(value: unknown): string
}

/** The header by which a published message says what caused it. */
export const CAUSE = 'linkspan-cause'

const ID = /\b([0-9a-z]+-[0-9a-z]{12})((?:~[^\s"'.~]+\.\d+)*)(\.[0-9a-f]{20}\b)?/g

/** Names the accepted messages of a run, given in the order of acceptance. */
export function createNames(roots: readonly StoredMessage[], delivered: readonly Delivered[]): Names {
  const byId = new Map<string, { readonly family: number; readonly name: string }>()
  const bySeq = new Map<number, string>()
  const first = new Map<string, number>()
  for (const { accepted, n } of delivered)
    if (accepted) first.set(accepted.id, Math.min(n, first.get(accepted.id) ?? n))
  for (const { id, seq, flow, headers } of roots) {
    bySeq.set(seq, id)
    const n = first.get(id)
    const cause = headers[CAUSE]?.split('~', 1)[0]
    const from = cause === undefined ? undefined : byId.get(cause)
    if (n !== undefined) byId.set(id, { family: n, name: `message ${n}` })
    else if (from) byId.set(id, { family: from.family, name: `${from.name} → ${flow}` })
    else byId.set(id, { family: 0, name: `a message of ${flow}` })
  }

  const found = (message: string | number): { family: number; name: string } => {
    const id = typeof message === 'number' ? bySeq.get(message) : message
    const root = id?.split('~', 1)[0] ?? ''
    const known = byId.get(root)
    if (!known) return { family: 0, name: typeof message === 'number' ? `#${message}` : message }
    return { family: known.family, name: `${known.name}${childText(id ?? '')}` }
  }

  return {
    family: (message) => found(message).family,
    name: (message) => found(message).name,
    text: (value) =>
      (JSON.stringify(value) ?? 'nothing').replace(ID, (all, root: string, trail: string, mark?: string) =>
        byId.has(root) ? `«${found(root + trail).name}${mark === undefined ? '' : ', mark'}»` : all,
      ),
  }
}

/** The part of a child's id that names its steps and places. */
function childText(id: string): string {
  return id
    .split('~')
    .slice(1)
    .map((part) => {
      const dot = part.lastIndexOf('.')
      return `, ${decodeURIComponent(part.slice(0, dot))}[${part.slice(dot + 1)}]`
    })
    .join('')
}
