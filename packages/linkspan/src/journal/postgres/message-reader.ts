import type { Headers } from '../../model/message.ts'
import { childId, parseMessageId, rootId } from '../../model/message-id.ts'
import { endingOf, reasonOf } from '../codes.ts'
import type { MessageReader, StoredMessage, Trust, Wait } from '../journal.ts'
import { rowDamaged } from './postgres-error.ts'
import type { Reading } from './reading.ts'
import { fromNullable, fromText, toText } from './text.ts'

interface MessageRow {
  readonly seq: number
  readonly flow: number
  readonly key: string | null
  readonly token: string
  readonly accepted_at: number
  readonly code_version: number
  readonly headers: string
  readonly parent_seq: number | null
  readonly parent_id: string | null
  readonly parent_path: string | null
  readonly parent_index: number | null
  readonly partition: number
  readonly body: Uint8Array
  readonly frames: readonly Uint8Array[]
  readonly last_frame: number | null
  readonly wait_flow: number | null
  readonly wait_key: string | null
  readonly wait_reason: number
  readonly wait_wake_at: number | null
  readonly wait_hold: boolean
  readonly wait_parent: number | null
  readonly wait_attempt: number
  readonly ending: number | null
  readonly ended_at: number
  readonly ended_attempt: number
  readonly ended_n: number
  readonly ended_reason: string
  readonly ended_frame: Uint8Array | null
}

/** Reading messages by place, id and parent. */
export function messageReader(reading: Reading): MessageReader {
  const { ask, queries } = reading
  const load: MessageReader['load'] = async (seqs, trust = 'whole') => {
    if (seqs.length === 0) return []
    const rows = (await ask(queries.load, [...new Set(seqs)])) as readonly unknown[] as readonly MessageRow[]
    await reading.names.learn(rows.flatMap(codesOf))
    return rows.map((row) => messageOf(row, reading, trust))
  }
  const seqsOf = (rows: readonly Readonly<Record<string, unknown>>[]): readonly number[] =>
    rows.map((row) => row['value'] as number)
  /** The places of children are in the order of step and index, which need not be that of acceptance. */
  const loadInOrder: MessageReader['load'] = async (seqs, trust) => {
    const found = new Map((await load(seqs, trust)).map((message) => [message.seq, message]))
    return seqs.flatMap((seq) => found.get(seq) ?? [])
  }
  return {
    load,
    find: async (id) => {
      const { seq: root, trail } = parseMessageId(id)
      let seq: number | undefined = root
      for (const { path, index } of trail) {
        ;[seq] = seqsOf(await ask(queries.child, seq, toText(path), index))
        if (seq === undefined) return null
      }
      if (!Number.isSafeInteger(seq)) return null
      const [found] = await load([seq], 'marked')
      return found?.id === id ? found : null
    },
    children: async (parent, path, fromIndex, limit, trust) => {
      const rows =
        path === null
          ? await ask(queries.children, parent, fromIndex, limit)
          : await ask(queries.children_of_step, parent, toText(path), fromIndex, limit)
      return loadInOrder(seqsOf(rows), trust)
    },
    openChildren: async (parent, path) => {
      const [row] = await ask(queries.open_children, parent, toText(path))
      return (row?.['value'] as number | undefined) ?? 0
    },
  }
}

function codesOf({ flow, code_version, wait_flow }: MessageRow): readonly number[] {
  return wait_flow === null ? [flow, code_version] : [flow, code_version, wait_flow]
}

function messageOf(row: MessageRow, reading: Reading, trust: Trust): StoredMessage {
  const { seq, token, last_frame: last, ending, ended_n: n } = row
  const doubts: string[] = []
  const doubt = (where: string, what: string): void => {
    if (trust === 'whole') throw rowDamaged(reading.place, where, what)
    doubts.push(`${where}: ${what}`)
  }
  const nameOf = (code: number): string => {
    const name = reading.names.nameOf(code)
    if (name === undefined) doubt(`message ${seq}`, `the name ${code} is missing`)
    return name ?? `name ${code}`
  }
  const family = parentOf(row)
  const next = (last ?? -1) + 1
  const frames = row.ended_frame === null ? row.frames : [...row.frames, row.ended_frame]
  const message = {
    seq,
    id: family === null ? rootId(seq, fromText(token)) : childId(family.id, family.path, family.index),
    flow: nameOf(row.flow),
    key: fromNullable(row.key),
    acceptedAt: row.accepted_at,
    codeVersion: nameOf(row.code_version),
    headers: JSON.parse(row.headers) as Headers,
    body: row.body,
    parent: family === null ? null : { seq: family.seq, path: family.path, index: family.index },
    partition: row.partition,
    frames,
    nextFrame: ending === null ? next : Math.max(next, n + (row.ended_frame === null ? 0 : 1)),
    wait: row.wait_flow === null ? null : waitOf(waitRowOf(row), nameOf(row.wait_flow)),
    ending: ending === null ? null : endingOfRow(row, doubt),
  }
  return doubts.length === 0 ? message : { ...message, damaged: doubts.join('; ') }
}

function parentOf(row: MessageRow): { seq: number; id: string; path: string; index: number } | null {
  const { parent_seq: seq, parent_id: id, parent_path: path, parent_index: index } = row
  if (seq === null || id === null || path === null || index === null) return null
  return { seq, id: fromText(id), path: fromText(path), index }
}

function endingOfRow(
  { seq, ending: code, ended_at: endedAt, ended_attempt: attempt, ended_reason: reason }: MessageRow,
  doubt: (where: string, what: string) => void,
): NonNullable<StoredMessage['ending']> {
  const ending = endingOf(code as number)
  if (ending === undefined) doubt(`the ending of message ${seq}`, `there is no ending ${code}`)
  return { ending: ending ?? 'dead', endedAt, attempt, reason: fromText(reason) }
}

/** A row of `waits`. */
export interface WaitRow {
  readonly seq: number
  readonly flow: number
  readonly key: string | null
  readonly reason: number
  readonly wake_at: number | null
  readonly hold: boolean
  readonly parent: number | null
  readonly attempt: number
}

function waitRowOf(row: MessageRow): WaitRow {
  return {
    seq: row.seq,
    flow: row.wait_flow as number,
    key: row.wait_key,
    reason: row.wait_reason,
    wake_at: row.wait_wake_at,
    hold: row.wait_hold,
    parent: row.wait_parent,
    attempt: row.wait_attempt,
  }
}

/** A row as a {@link Wait} of a flow. */
export function waitOf(row: WaitRow, flow: string): Wait {
  const { seq, key, wake_at: wakeAt, hold, parent, attempt } = row
  return {
    seq,
    flow,
    key: fromNullable(key),
    reason: reasonOf(row.reason) ?? 'ready',
    wakeAt,
    hold,
    parent,
    attempt,
  }
}
