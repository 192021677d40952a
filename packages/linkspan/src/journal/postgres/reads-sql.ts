import { FUNCTION_SETTINGS } from './tables-sql.ts'

/** `load_1`: all there is of messages, as of one moment. */
export function readsSql(schema: string): string {
  return `
    CREATE FUNCTION ${schema}.load_1(p_seqs bigint[]) RETURNS TABLE (
      seq bigint, flow bigint, key text, token text, accepted_at bigint, code_version bigint, headers text,
      parent_seq bigint, parent_id text, parent_path text, parent_index bigint, body bytea,
      frames bytea[], last_frame integer,
      wait_flow bigint, wait_key text, wait_reason smallint, wait_wake_at bigint, wait_hold boolean, wait_parent bigint,
      wait_attempt integer,
      ending smallint, ended_at bigint, ended_attempt integer, ended_n integer, ended_reason text, ended_frame bytea)
    LANGUAGE plpgsql STABLE ${FUNCTION_SETTINGS} AS $load$
    BEGIN
      RETURN QUERY SELECT m.seq, m.flow, m.key, m.token, m.accepted_at, m.code_version, m.headers,
          m.parent_seq, m.parent_id, m.parent_path, m.parent_index, m.body,
          ARRAY(SELECT r.frame FROM ${schema}.records r WHERE r.seq = m.seq ORDER BY r.n),
          (SELECT max(r.n) FROM ${schema}.records r WHERE r.seq = m.seq),
          w.flow, w.key, w.reason, w.wake_at, w.hold, w.parent, w.attempt,
          s.ending, s.ended_at, s.attempt, s.n, s.reason, s.frame
        FROM unnest(p_seqs) AS l(seq) JOIN ${schema}.messages m ON m.seq = l.seq
        LEFT JOIN ${schema}.waits w ON w.seq = l.seq LEFT JOIN ${schema}.settlements s ON s.seq = l.seq
        ORDER BY m.seq;
    END $load$;
  `
}
