import { lockKey } from './commit-parameters.ts'
import { FUNCTION_SETTINGS } from './tables-sql.ts'

/**
 * What `commit_1` calls for messages that its engine does not know: they waited, ended, or were running when another
 * engine died. Their waits are removed, and the endings of those that are to be taken back. It answers what they are;
 * those that ended and stay so, and those that are not there, are missing from the answer.
 */
export function lookSql(schema: string): string {
  return `
    CREATE FUNCTION ${schema}.look_1(p_member bigint, p_look bigint[], p_take_back bigint[]) RETURNS ${schema}.facts_1[]
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $look$
    DECLARE
      facts ${schema}.facts_1[];
      rest bigint[];
      back bigint[];
    BEGIN
      WITH gone AS (
        DELETE FROM ${schema}.waits w USING unnest(p_look) AS l(seq) WHERE w.seq = l.seq RETURNING w.*
      )
      SELECT array_agg(ROW(seq, home, made, path, accepted_at, bytes, partition, flow, reason, kin)::${schema}.facts_1)
        INTO facts FROM gone;
      IF facts IS NOT NULL THEN
        INSERT INTO ${schema}.tallies AS t
          SELECT f.waited_flow, 16 + f.waited_reason + CASE WHEN f.waited_kin > 0 THEN 8 ELSE 0 END, p_member, -count(*)
          FROM unnest(facts) f GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, member) DO UPDATE SET count = t.count + excluded.count;
      END IF;
      IF cardinality(facts) = cardinality(p_look) THEN
        RETURN facts;
      END IF;
      SELECT array_agg(l.seq) INTO rest FROM unnest(p_look) AS l(seq)
        LEFT JOIN unnest(facts) f ON f.seq = l.seq WHERE f.seq IS NULL;
      SELECT array_agg(s.seq) INTO back FROM unnest(p_take_back) AS l(seq) JOIN ${schema}.settlements s ON s.seq = l.seq;
      IF back IS NOT NULL THEN
        PERFORM ${schema}.take_back_1(p_member, back);
      END IF;
      RETURN facts || (
        SELECT array_agg(
          ROW(m.seq, m.flow, m.parent_seq, m.parent_path, m.accepted_at, m.size, m.partition, NULL, NULL, NULL)::${schema}.facts_1
        ) FROM unnest(rest) AS l(seq) JOIN ${schema}.messages m ON m.seq = l.seq
        WHERE NOT EXISTS (SELECT FROM ${schema}.settlements s WHERE s.seq = l.seq)
      );
    END $look$;

    CREATE FUNCTION ${schema}.take_back_1(p_member bigint, p_seqs bigint[]) RETURNS void
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $back$
    DECLARE
      taken bigint[];
    BEGIN
      -- Not while a volume is being dropped: what lives again must not be taken for old.
      PERFORM pg_advisory_xact_lock_shared(${lockKey(schema, 'revive')});
      WITH gone AS (
        DELETE FROM ${schema}.settlements s USING unnest(p_seqs) AS l(seq) WHERE s.seq = l.seq RETURNING s.*
      ), kept AS (
        INSERT INTO ${schema}.records SELECT seq, n, frame FROM gone WHERE frame IS NOT NULL
      ), counted AS (
        INSERT INTO ${schema}.tallies AS t
          SELECT g.flow, g.ending + CASE WHEN g.child THEN 8 ELSE 0 END, p_member, -count(*) FROM gone g GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, member) DO UPDATE SET count = t.count + excluded.count
      )
      SELECT array_agg(seq) INTO taken FROM gone WHERE child;
      IF taken IS NOT NULL THEN
        PERFORM ${schema}.count_children_1(array_agg(m.parent_seq), array_agg(m.parent_path), array_agg(1))
          FROM unnest(taken) AS l(seq) JOIN ${schema}.messages m ON m.seq = l.seq HAVING count(*) > 0;
      END IF;
    END $back$;

    CREATE FUNCTION ${schema}.count_children_1(p_parent bigint[], p_path text[], p_by integer[]) RETURNS void
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $children$
    BEGIN
      INSERT INTO ${schema}.families AS f
        SELECT u.parent, u.path, sum(u.by) FROM unnest(p_parent, p_path, p_by) AS u(parent, path, by)
        GROUP BY u.parent, u.path HAVING sum(u.by) <> 0 ORDER BY u.parent, u.path
        ON CONFLICT (parent, path) DO UPDATE SET open = f.open + excluded.open;
      DELETE FROM ${schema}.families f USING unnest(p_parent, p_path) AS u(parent, path)
        WHERE f.parent = u.parent AND f.path = u.path AND f.open = 0;
    END $children$;
  `
}
