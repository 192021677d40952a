/** What one commit of a journal's writer holds. */
export interface Batch {
  readonly ids: readonly string[]
  readonly keys: readonly string[]
  readonly times: readonly bigint[]
  /** 1,024 bytes each. */
  readonly bodies: readonly Buffer[]
  /** 64 bytes each. */
  readonly outcomes: readonly Buffer[]
}

const body = Buffer.from(JSON.stringify({ event: 'measured', filler: 'x'.repeat(991) }))
const outcome = Buffer.alloc(64, 'o')

/** Batches whose ids never repeat. */
export function batches(size: number, run: string): () => Batch {
  let next = 0
  return () => {
    const ids = Array.from({ length: size }, () => `${run}-${String(next++).padStart(12, '0')}`)
    return {
      ids,
      keys: ids.map((id) => `repository-${id.slice(-3)}`),
      times: ids.map(() => BigInt(Date.now())),
      bodies: ids.map(() => body),
      outcomes: ids.map(() => outcome),
    }
  }
}

export const schema = [
  'drop table if exists messages, outcomes',
  `create table messages (position bigint generated always as identity primary key, id text not null, key text not null,
   at bigint not null, body bytea not null)`,
  'create unique index on messages (id)',
  'create table outcomes (id text primary key, result bytea not null)',
]

export const insertMessages = `insert into messages (id, key, at, body)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[])`

export const insertOutcomes = `insert into outcomes (id, result) select * from unnest($1::text[], $2::bytea[])`

export const copyMessages = 'copy messages (id, key, at, body) from stdin (format binary)'
export const copyOutcomes = 'copy outcomes (id, result) from stdin (format binary)'
