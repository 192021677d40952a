import { kin } from '../codes.ts'
import { FUNCTION_SETTINGS } from './tables-sql.ts'

/** A query of the hot path, which runs inside a function. */
export interface Read {
  readonly parameters: Readonly<Record<string, string>>
  readonly returns: (schema: string) => string
  /** Refers to its parameters by name. */
  readonly sql: (schema: string) => string
}

/** The names of the hot queries. */
export type ReadName =
  | 'load'
  | 'child'
  | 'children_of_step'
  | 'children'
  | 'open_children'
  | 'page'
  | 'page_owned'
  | 'page_of_key'
  | 'page_of_key_owned'
  | 'page_of_parent'
  | 'due'
  | 'due_owned'
  | 'next_due'
  | 'next_due_owned'
  | 'unsettled'
  | 'state'
  | 'states'
  | 'cursor'

const SEQS = (): string => 'SETOF bigint'
const WAITS = (schema: string): string => `SETOF ${schema}.waits`

const LOADED = `TABLE (
  seq bigint, flow bigint, key text, token text, accepted_at bigint, code_version bigint, headers text,
  parent_seq bigint, parent_id text, parent_path text, parent_index bigint, partition smallint, body bytea,
  frames bytea[], last_frame integer,
  wait_flow bigint, wait_key text, wait_reason smallint, wait_wake_at bigint, wait_hold boolean, wait_parent bigint,
  wait_attempt integer,
  ending smallint, ended_at bigint, ended_attempt integer, ended_n integer, ended_reason text, ended_frame bytea)`

/**
 * What an engine reads while it works. All of it is in functions, as only those bring their own settings along through a
 * pooler: with the server's own, a plan that was made while a table was empty scans the whole of it when it is full.
 *
 * `OFFSET 0` keeps a look-up for each place what it is: without it, tables that nobody has looked at yet are read whole, in
 * the order of their index.
 *
 * Those of the backlog have a sibling, `…_owned`, for an engine that shares the journal: it walks an index once per
 * partition of its own.
 */
export const READS: Readonly<Record<ReadName, Read>> = {
  load: {
    parameters: { p_seqs: 'bigint[]' },
    returns: () => LOADED,
    sql: (schema) => `
      SELECT m.seq, m.flow, m.key, m.token, m.accepted_at, m.code_version, m.headers,
        m.parent_seq, m.parent_id, m.parent_path, m.parent_index, m.partition, m.body,
        ARRAY(SELECT r.frame FROM ${schema}.records r WHERE r.seq = l.seq ORDER BY r.n),
        (SELECT max(r.n) FROM ${schema}.records r WHERE r.seq = l.seq),
        w.flow, w.key, w.reason, w.wake_at, w.hold, w.parent, w.attempt,
        s.ending, s.ended_at, s.attempt, s.n, s.reason, s.frame
      FROM unnest(p_seqs) AS l(seq)
      CROSS JOIN LATERAL (SELECT * FROM ${schema}.messages m WHERE m.seq = l.seq OFFSET 0) m
      LEFT JOIN LATERAL (SELECT * FROM ${schema}.waits w WHERE w.seq = l.seq OFFSET 0) w ON true
      LEFT JOIN LATERAL (SELECT * FROM ${schema}.settlements s WHERE s.seq = l.seq OFFSET 0) s ON true
      ORDER BY l.seq`,
  },
  child: {
    parameters: { p_parent: 'bigint', p_path: 'text', p_index: 'bigint' },
    returns: SEQS,
    sql: (schema) => `
      SELECT m.seq FROM ${schema}.messages m
      WHERE m.parent_seq = p_parent AND m.parent_path = p_path AND m.parent_index = p_index AND m.seq > p_parent`,
  },
  children_of_step: {
    parameters: { p_parent: 'bigint', p_path: 'text', p_from: 'bigint', p_limit: 'bigint' },
    returns: SEQS,
    sql: (schema) => `
      SELECT m.seq FROM ${schema}.messages m
      WHERE m.parent_seq = p_parent AND m.parent_path = p_path AND m.parent_index >= p_from AND m.seq > p_parent
      ORDER BY m.parent_index LIMIT p_limit`,
  },
  children: {
    parameters: { p_parent: 'bigint', p_from: 'bigint', p_limit: 'bigint' },
    returns: SEQS,
    sql: (schema) => `
      SELECT m.seq FROM ${schema}.messages m
      WHERE m.parent_seq = p_parent AND m.parent_index >= p_from AND m.seq > p_parent
      ORDER BY m.parent_path, m.parent_index LIMIT p_limit`,
  },
  open_children: {
    parameters: { p_parent: 'bigint', p_path: 'text' },
    returns: SEQS,
    sql: (schema) => `SELECT f.open FROM ${schema}.families f WHERE f.parent = p_parent AND f.path = p_path`,
  },
  page: {
    parameters: { p_flow: 'bigint', p_after: 'bigint', p_limit: 'bigint' },
    returns: WAITS,
    sql: pageSql,
  },
  page_owned: {
    parameters: { p_flow: 'bigint', p_owned: 'smallint[]', p_after: 'bigint', p_limit: 'bigint' },
    returns: WAITS,
    sql: (schema) => `
      SELECT w.* FROM unnest(p_owned) AS o(partition) CROSS JOIN LATERAL (
        SELECT w.* FROM ${schema}.waits w
        WHERE w.flow = p_flow AND w.partition = o.partition AND w.lane AND w.seq > p_after ORDER BY w.seq LIMIT p_limit
      ) w ORDER BY w.seq LIMIT p_limit`,
  },
  page_of_key: {
    parameters: { p_flow: 'bigint', p_key: 'text', p_after: 'bigint', p_up_to: 'bigint', p_limit: 'bigint' },
    returns: WAITS,
    sql: (schema) => `
      SELECT w.* FROM ${schema}.waits w WHERE w.flow = p_flow AND left(w.key, 200) = left(p_key, 200) AND w.key = p_key
        AND w.lane AND w.seq > p_after AND w.seq <= p_up_to ORDER BY w.seq LIMIT p_limit`,
  },
  page_of_key_owned: {
    parameters: {
      p_flow: 'bigint',
      p_owned: 'smallint[]',
      p_key: 'text',
      p_after: 'bigint',
      p_up_to: 'bigint',
      p_limit: 'bigint',
    },
    returns: WAITS,
    // A key lies in one partition, so this looks at no more than the other does.
    sql: (schema) => `
      SELECT w.* FROM ${schema}.waits w WHERE w.flow = p_flow AND left(w.key, 200) = left(p_key, 200) AND w.key = p_key
        AND w.lane AND w.partition = ANY (p_owned) AND w.seq > p_after AND w.seq <= p_up_to ORDER BY w.seq LIMIT p_limit`,
  },
  page_of_parent: {
    parameters: { p_parent: 'bigint', p_after: 'bigint', p_limit: 'bigint' },
    returns: WAITS,
    sql: (schema) =>
      `SELECT w.* FROM ${schema}.waits w WHERE w.parent = p_parent AND w.seq > p_after ORDER BY w.seq LIMIT p_limit`,
  },
  due: {
    parameters: { p_flow: 'bigint', p_at: 'bigint', p_limit: 'bigint' },
    returns: WAITS,
    sql: (schema) => `
      SELECT w.* FROM ${schema}.waits w WHERE w.flow = p_flow AND w.wake_at <= p_at
      ORDER BY w.wake_at, w.seq LIMIT p_limit`,
  },
  due_owned: {
    parameters: { p_flow: 'bigint', p_owned: 'smallint[]', p_at: 'bigint', p_limit: 'bigint' },
    returns: WAITS,
    sql: (schema) => `
      SELECT w.* FROM unnest(p_owned) AS o(partition) CROSS JOIN LATERAL (
        SELECT w.* FROM ${schema}.waits w
        WHERE w.flow = p_flow AND w.partition = o.partition AND w.wake_at <= p_at ORDER BY w.wake_at, w.seq LIMIT p_limit
      ) w ORDER BY w.wake_at, w.seq LIMIT p_limit`,
  },
  next_due: {
    parameters: { p_flow: 'bigint' },
    returns: SEQS,
    sql: (schema) => `
      SELECT w.wake_at FROM ${schema}.waits w WHERE w.flow = p_flow AND w.wake_at IS NOT NULL
      ORDER BY w.wake_at LIMIT 1`,
  },
  next_due_owned: {
    parameters: { p_flow: 'bigint', p_owned: 'smallint[]' },
    returns: SEQS,
    sql: (schema) => `
      SELECT min(w.wake_at) FROM unnest(p_owned) AS o(partition) CROSS JOIN LATERAL (
        SELECT w.wake_at FROM ${schema}.waits w
        WHERE w.flow = p_flow AND w.partition = o.partition AND w.wake_at IS NOT NULL ORDER BY w.wake_at LIMIT 1
      ) w HAVING count(*) > 0`,
  },
  unsettled: {
    parameters: {
      p_from: 'bigint',
      p_to: 'bigint',
      p_partitions: 'smallint[]',
      p_each_from: 'bigint[]',
      p_each_to: 'bigint[]',
      p_limit: 'bigint',
    },
    returns: SEQS,
    sql: (schema) => `
      SELECT g.seq FROM generate_series(p_from, p_to) AS g(seq)
        LEFT JOIN ${schema}.messages m ON m.seq = g.seq AND m.seq >= p_from AND m.seq <= p_to
      WHERE (m.seq IS NULL OR EXISTS (
          SELECT FROM unnest(p_partitions, p_each_from, p_each_to) AS l(partition, since, up_to)
          WHERE l.partition = m.partition AND m.seq >= l.since AND m.seq <= l.up_to
        ))
        AND NOT EXISTS (SELECT FROM ${schema}.settlements s WHERE s.seq = g.seq AND s.seq >= p_from AND s.seq <= p_to)
        AND NOT EXISTS (SELECT FROM ${schema}.waits w WHERE w.seq = g.seq AND w.seq >= p_from AND w.seq <= p_to)
      ORDER BY g.seq LIMIT p_limit`,
  },
  state: {
    parameters: { p_id: 'uuid', p_now: 'bigint' },
    returns: () => 'SETOF bytea',
    sql: (schema) =>
      `SELECT c.value FROM ${schema}.state c WHERE c.id = p_id AND (c.until IS NULL OR c.until > p_now)`,
  },
  states: {
    parameters: { p_scope: 'text', p_after: 'text', p_now: 'bigint', p_limit: 'bigint' },
    returns: (schema) => `SETOF ${schema}.state`,
    sql: (schema) => `
      SELECT c.* FROM ${schema}.state c WHERE left(c.scope, 100) = left(p_scope, 100) AND c.scope = p_scope
        AND left(c.key, 200) >= left(p_after, 200) AND c.key > p_after AND (c.until IS NULL OR c.until > p_now)
      ORDER BY left(c.key, 200), c.key LIMIT p_limit`,
  },
  cursor: {
    parameters: { p_name: 'text' },
    returns: () => 'SETOF text',
    sql: (schema) => `SELECT c.value FROM ${schema}.cursors c WHERE c.name = p_name`,
  },
}

/** Three index walks in the order of places, each cut at the limit, so that a page costs the same in any backlog. */
function pageSql(schema: string): string {
  const ready = (of: number): string => `(
    SELECT w.seq FROM ${schema}.waits w WHERE w.flow = p_flow AND w.reason = 0 AND w.kin = ${of} AND w.seq > p_after
    ORDER BY w.seq LIMIT p_limit)`
  return `
    SELECT w.* FROM (
      ${ready(kin.root)} UNION ${ready(kin.free)} UNION (
        SELECT w.seq FROM ${schema}.waits w WHERE w.flow = p_flow AND w.hold AND w.parent IS NULL AND w.seq > p_after
        ORDER BY w.seq LIMIT p_limit)
    ) u CROSS JOIN LATERAL (SELECT * FROM ${schema}.waits w WHERE w.seq = u.seq OFFSET 0) w
    ORDER BY u.seq LIMIT p_limit`
}

/**
 * The functions of the hot queries, `load_1` and so on: what each answers is as of one moment, and that of after its
 * tables were locked, which is why they are not STABLE: while a volume is dropped a query waits, and would then read as of
 * before, when what was kept of the volume lay in a table that is gone.
 */
export function readsSql(schema: string): string {
  return Object.entries(READS)
    .map(([name, { parameters, returns, sql }]) => {
      const declared = Object.entries(parameters).map(([parameter, type]) => `${parameter} ${type}`)
      return `
        CREATE FUNCTION ${schema}.${name}_1(${declared.join(', ')}) RETURNS ${returns(schema)}
        LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $read$
        BEGIN
          RETURN QUERY ${sql(schema)};
        END $read$;`
    })
    .join('\n')
}
