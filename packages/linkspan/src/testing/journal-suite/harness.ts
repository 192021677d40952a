import type {
  Batch,
  Committed,
  Journal,
  JournalEnvironment,
  JournalFactory,
  NewMessage,
  Settlement,
  Wait,
} from '../../journal/journal.ts'

/** One journal under test, fresh for each test. */
export interface JournalRig {
  readonly factory: JournalFactory
  /** Read anew for each opening, as a crash may move the journal. */
  readonly environment: JournalEnvironment
  /** Drops the present owner as a crash would: nothing is closed, and the next opening finds what is durable. */
  crash(): Promise<void>
  /** Removes everything. */
  dispose(): Promise<void>
}

/** Declares one test: `test` of vitest, `node:test` or another runner. */
export type DeclareTest = (name: string, run: () => Promise<void>) => unknown

/** Declares a test that gets an opened journal. */
export type Declare = (name: string, run: (owner: Owner, rig: JournalRig) => Promise<void>) => void

/** An open journal with the numbers that its owner keeps. */
export interface Owner {
  readonly journal: Journal
  /** Commits what is given under the next batch number. */
  commit(parts: Partial<Omit<Batch, 'id'>>): Promise<Committed>
  /** Accepts messages and answers their places. */
  accept(...messages: Partial<NewMessage>[]): Promise<number[]>
  readonly lastBatch: Batch
}

/** Opens the journal of a rig for an engine that begins at once. */
export async function openOwner(rig: JournalRig): Promise<Owner> {
  const journal = await rig.factory.open(rig.environment)
  const deaf = (): void => undefined
  await journal.ownership.begin({ granted: deaf, asked: deaf, handed: deaf, lost: deaf })
  return ownerOf(journal)
}

/** An owner of an open journal. */
export function ownerOf(journal: Journal): Owner {
  let last = batch(0, {})
  const commit = (parts: Partial<Omit<Batch, 'id'>>): Promise<Committed> => {
    last = batch(last.id + 1, { lowWater: last.lowWater, ...parts })
    return journal.commit(last)
  }
  return {
    journal,
    commit,
    accept: async (...messages) => {
      const { accepted } = await commit({ accept: messages.map(newMessage) })
      return accepted.map(({ seq }) => seq)
    },
    get lastBatch() {
      return last
    },
  }
}

/** A batch that carries only what is given. */
export function batch(id: number, parts: Partial<Batch>): Batch {
  const none = { accept: [], records: [], waits: [], settle: [], revive: [], state: [], cursors: [] }
  return { ...none, lowWater: 0, ...parts, id }
}

/** A message with plain values where none are given. */
export function newMessage(parts: Partial<NewMessage> = {}): NewMessage {
  return {
    flow: 'orders',
    key: null,
    token: 'abcdefghijkl',
    acceptedAt: 1000,
    codeVersion: 'v1',
    headers: {},
    body: bytes('body'),
    parent: null,
    partition: 0,
    ready: false,
    handOver: false,
    handedUpTo: 0,
    dedupe: null,
    index: null,
    ...parts,
  }
}

/** A child of a message. */
export function childOf(
  parent: { readonly seq: number; readonly id: string },
  path: string,
  index: number,
  parts: Partial<NewMessage> = {},
): Partial<NewMessage> {
  const { seq, id } = parent
  return { token: '', parent: { seq, id, path, index, awaited: true }, ...parts }
}

/** A wait with plain values where none are given. */
export function wait(seq: number, parts: Partial<Wait> = {}): Wait {
  const plain = {
    flow: 'orders',
    key: null,
    reason: 'ready',
    wakeAt: null,
    hold: false,
    parent: null,
    attempt: 0,
  } as const
  return { ...plain, ...parts, seq }
}

/** An ending with plain values where none are given. */
export function ending(seq: number, parts: Partial<Settlement> = {}): Settlement {
  return { ending: 'done', endedAt: 2000, attempt: 1, frame: null, n: 0, reason: '', ...parts, seq }
}

/** Text as bytes. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Bytes as text; null stays null. */
export function text(data: Uint8Array | null): string | null {
  return data === null ? null : new TextDecoder().decode(data)
}

/** The places of what was found. */
export function seqs(found: readonly { readonly seq: number }[]): number[] {
  return found.map(({ seq }) => seq)
}

/** The numbers from `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}
