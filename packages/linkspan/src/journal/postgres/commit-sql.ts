import { ACCEPT_PARAMETERS } from './accept-sql.ts'
import { COMMIT_PARAMETERS, REFUSALS } from './commit-parameters.ts'
import { mailSql, RENEWED, takeMemberSql } from './member-row-sql.ts'
import { FUNCTION_SETTINGS } from './tables-sql.ts'

/**
 * `commit_1`: a whole batch in one call. It answers the place of the first message that was new, and the messages that
 * repeat others as JSON: position (from 1), place, token, id of a child; the positions (from 1) of messages that lie in the
 * backlog instead of running, and of changes of state that came too late; and what was handed over to its engine that it
 * does not know of.
 *
 * It first takes its member's row, so that commits of one engine, and its fencing, come one after the other. It takes
 * the counter of places (the row of `head`) last: from there on, acceptances of all engines wait for each other until this one is durable,
 * so places come in the order of commits. What it reads after that it reads as of after that.
 */
export function commitSql(schema: string): string {
  const parameters = Object.entries(COMMIT_PARAMETERS).map(([name, type]) => `${name} ${type}`)
  return `
    CREATE FUNCTION ${schema}.commit_1(${parameters.join(', ')}, OUT first bigint, OUT repeats text, OUT behind integer[],
      OUT stale integer[], OUT mail text)
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '5s' AS $commit$
    DECLARE
      me ${schema}.members%ROWTYPE;
      facts ${schema}.facts_1[];
    BEGIN
      ${takeMemberSql(schema)}
      IF me.last_batch = p_batch THEN
        first := me.last_first;
        repeats := me.last_repeats;
        behind := me.last_behind;
        stale := me.last_stale;
        mail := ${mailSql(schema)};
        RETURN;
      END IF;
      IF me.last_batch > p_batch THEN
        RAISE EXCEPTION 'batch % came after batch %', p_batch, me.last_batch USING ERRCODE = '${REFUSALS.oldBatch}';
      END IF;
      IF me.commits < p_known THEN
        RAISE EXCEPTION '% of % commits are there', me.commits, p_known USING ERRCODE = '${REFUSALS.tailLost}';
      END IF;
${NAMES(schema)}
      IF r_seq IS NOT NULL THEN
        INSERT INTO ${schema}.records SELECT * FROM unnest(r_seq, r_n, r_frame);
      END IF;
      IF p_look IS NOT NULL THEN
        facts := ${schema}.look_1(p_member, p_look, p_take_back);
      END IF;
${SETTLE(schema)}
${PUT_WAITS(schema)}
${STATE(schema)}
      IF m_flow IS NOT NULL THEN
        SELECT a.first, a.repeats, a.behind INTO first, repeats, behind FROM ${schema}.accept_1(
          p_member, ${ACCEPT_PARAMETERS.join(', ')}
        ) a;
      END IF;
      UPDATE ${schema}.members m SET
        last_batch = p_batch, last_first = first, last_repeats = repeats, last_behind = behind, last_stale = stale,
        commits = m.commits + 1,
        low_water = greatest(m.low_water, p_low_water),
        ${RENEWED}
        WHERE m.id = p_member;
      mail := ${mailSql(schema)};
    END $commit$;
  `
}

const NAMES = (schema: string): string => `
      IF n_id IS NOT NULL THEN
        INSERT INTO ${schema}.names SELECT * FROM unnest(n_id, n_name) AS u(id, name) ORDER BY u.id
          ON CONFLICT (id) DO NOTHING;
        IF EXISTS (
          SELECT FROM unnest(n_id, n_name) AS u(id, name) JOIN ${schema}.names n ON n.id = u.id WHERE n.name <> u.name
        ) THEN
          RAISE EXCEPTION 'two names have the same number' USING ERRCODE = '${REFUSALS.nameTaken}';
        END IF;
      END IF;`

const COUNT_ENDINGS = (schema: string): string => `
        INSERT INTO ${schema}.tallies AS t
          SELECT p.flow, p.ending + CASE WHEN p.child THEN 8 ELSE 0 END, p_member, count(*) FROM put p GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, member) DO UPDATE SET count = t.count + excluded.count;`

/** Endings, and what they change in the counts. Those without a home were looked up; they may be no more. */
const SETTLE = (schema: string): string => `
      IF s_seq IS NOT NULL AND p_look IS NULL THEN
        WITH put AS (
          INSERT INTO ${schema}.settlements (seq, ended_at, flow, attempt, n, ending, child, reason, frame)
          SELECT u.seq, u.ended_at, u.home, u.attempt, u.n, u.ending, u.made IS NOT NULL, u.reason, u.frame
          FROM unnest(s_seq, s_ended_at, s_attempt, s_n, s_ending, s_reason, s_frame, s_home, s_made)
            AS u(seq, ended_at, attempt, n, ending, reason, frame, home, made)
          RETURNING flow, ending, child
        )${COUNT_ENDINGS(schema)}
      ELSIF s_seq IS NOT NULL THEN
        WITH put AS (
          INSERT INTO ${schema}.settlements (seq, ended_at, flow, attempt, n, ending, child, reason, frame)
          SELECT u.seq, u.ended_at, coalesce(u.home, f.home), u.attempt, u.n, u.ending,
            coalesce(u.made, f.made) IS NOT NULL, u.reason, u.frame
          FROM unnest(s_seq, s_ended_at, s_attempt, s_n, s_ending, s_reason, s_frame, s_home, s_made)
            AS u(seq, ended_at, attempt, n, ending, reason, frame, home, made)
          LEFT JOIN unnest(facts) f ON f.seq = u.seq
          WHERE u.home IS NOT NULL OR f.seq IS NOT NULL
          RETURNING flow, ending, child
        )${COUNT_ENDINGS(schema)}
      END IF;
      IF s_seq IS NOT NULL AND (p_related OR EXISTS (SELECT FROM unnest(facts) f WHERE f.made IS NOT NULL)) THEN
        PERFORM ${schema}.count_children_1(
          array_agg(coalesce(u.made, f.made)), array_agg(coalesce(u.path, f.path)), array_agg(-1)
        ) FROM unnest(s_seq, s_made, s_path) AS u(seq, made, path) LEFT JOIN unnest(facts) f ON f.seq = u.seq
        WHERE coalesce(u.made, f.made) IS NOT NULL HAVING count(*) > 0;
      END IF;`

const PUT_WAITS = (schema: string): string => `
      IF w_seq IS NOT NULL THEN
        WITH put AS (
          INSERT INTO ${schema}.waits (seq, flow, wake_at, parent, accepted_at, home, made, attempt, bytes, partition,
            reason, kin, hold, lane, key, path)
          SELECT u.seq, u.flow, u.wake_at, u.parent, coalesce(u.accepted_at, f.accepted_at), coalesce(u.home, f.home),
            coalesce(u.made, f.made), u.attempt, coalesce(u.bytes, f.bytes),
            coalesce(u.partition, f.partition), u.reason,
            CASE WHEN u.parent IS NOT NULL THEN 2 WHEN coalesce(u.made, f.made) IS NOT NULL THEN 1 ELSE 0 END,
            u.hold, u.parent IS NULL AND (u.hold OR u.reason = 0), u.key, coalesce(u.path, f.path)
          FROM unnest(w_seq, w_flow, w_wake_at, w_parent, w_accepted_at, w_home, w_made, w_attempt, w_bytes, w_reason,
              w_hold, w_key, w_path, w_partition)
            AS u(seq, flow, wake_at, parent, accepted_at, home, made, attempt, bytes, reason, hold, key, path, partition)
          LEFT JOIN unnest(facts) f ON f.seq = u.seq
          WHERE u.home IS NOT NULL OR f.seq IS NOT NULL
          RETURNING flow, reason, kin
        )
        INSERT INTO ${schema}.tallies AS t
          SELECT p.flow, 16 + p.reason + CASE WHEN p.kin > 0 THEN 8 ELSE 0 END, p_member, count(*) FROM put p
          GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, member) DO UPDATE SET count = t.count + excluded.count;
      END IF;`

/** Engines change the same cells: all take them in the order of their ids. */
const STATE = (schema: string): string => `
      IF k_at IS NOT NULL OR (c_id IS NOT NULL AND c_gone IS NOT NULL) THEN
        PERFORM FROM ${schema}.state c WHERE c.id = ANY (k_id || c_id || c_gone) ORDER BY c.id FOR UPDATE;
      END IF;
      IF k_at IS NOT NULL THEN
        stale := ${schema}.change_cells_1(
          k_at, k_id, k_scope, k_key, k_had, k_when, k_value, k_until, k_seq, k_n, k_frame
        );
      END IF;
      IF l_at IS NOT NULL THEN
        INSERT INTO ${schema}.state AS c (id, scope, key, until, value)
          SELECT u.id, u.scope, u.key, u.until, u.value
          FROM unnest(l_at, l_id, l_scope, l_key, l_until, l_value) AS u(at, id, scope, key, until, value)
          WHERE stale IS NULL OR u.at <> ALL (stale) ORDER BY u.id
          ON CONFLICT (id) DO UPDATE SET until = excluded.until, value = excluded.value;
      END IF;
      IF c_id IS NOT NULL THEN
        INSERT INTO ${schema}.state AS c (id, scope, key, until, value)
          SELECT * FROM unnest(c_id, c_scope, c_key, c_until, c_value) AS u(id) ORDER BY u.id
          ON CONFLICT (id) DO UPDATE SET until = excluded.until, value = excluded.value;
      END IF;
      IF c_gone IS NOT NULL THEN
        DELETE FROM ${schema}.state c USING unnest(c_gone) AS u(id) WHERE c.id = u.id;
      END IF;
      IF u_name IS NOT NULL THEN
        INSERT INTO ${schema}.cursors SELECT * FROM unnest(u_name, u_value) AS u(name, value)
          WHERE u.value IS NOT NULL ORDER BY u.name
          ON CONFLICT (name) DO UPDATE SET value = excluded.value;
        IF array_position(u_value, NULL) IS NOT NULL THEN
          DELETE FROM ${schema}.cursors c USING unnest(u_name, u_value) AS u(name, value)
            WHERE u.value IS NULL AND c.name = u.name COLLATE "C";
        END IF;
      END IF;`

/**
 * `change_cells_1`: changes of state that were made from what their engine had read. Each is written if the cell still is
 * what it was, and the frame that goes with it; it answers the positions of the others.
 */
export function cellsSql(schema: string): string {
  return `
    CREATE FUNCTION ${schema}.change_cells_1(p_at integer[], p_id uuid[], p_scope text[], p_key text[], p_had bytea[],
      p_when bigint[], p_value bytea[], p_until bigint[], p_seq bigint[], p_n integer[], p_frame bytea[])
    RETURNS integer[] LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $cells$
    DECLARE
      stale integer[];
      k record;
    BEGIN
      FOR k IN SELECT u.* FROM unnest(p_at, p_id, p_scope, p_key, p_had, p_when, p_value, p_until, p_seq, p_n, p_frame)
        AS u(at, id, scope, key, had, "when", value, until, seq, n, frame) ORDER BY u.id
      LOOP
        IF k.value IS NULL AND k.had IS NULL THEN
          PERFORM FROM ${schema}.state c WHERE c.id = k.id AND (c.until IS NULL OR c.until > k."when");
          IF FOUND THEN
            stale := stale || k.at;
            CONTINUE;
          END IF;
        ELSE
          IF k.had IS NULL THEN
            INSERT INTO ${schema}.state AS c (id, scope, key, until, value)
              VALUES (k.id, k.scope, k.key, k.until, k.value)
              ON CONFLICT (id) DO UPDATE SET until = excluded.until, value = excluded.value WHERE c.until <= k."when";
          ELSIF k.value IS NULL THEN
            DELETE FROM ${schema}.state c
              WHERE c.id = k.id AND c.value = k.had AND (c.until IS NULL OR c.until > k."when");
          ELSE
            UPDATE ${schema}.state c SET until = k.until, value = k.value
              WHERE c.id = k.id AND c.value = k.had AND (c.until IS NULL OR c.until > k."when");
          END IF;
          IF NOT FOUND THEN
            stale := stale || k.at;
            CONTINUE;
          END IF;
        END IF;
        IF k.frame IS NOT NULL THEN
          INSERT INTO ${schema}.records VALUES (k.seq, k.n, k.frame);
        END IF;
      END LOOP;
      RETURN stale;
    END $cells$;
  `
}
