import { FUNCTION_SETTINGS } from './tables-sql.ts'

/** The parameters of `commit_1` in their order, with their types; each part that a batch lacks is null. */
export const COMMIT_PARAMETERS = {
  p_member: 'bigint',
  p_incarnation: 'uuid',
  p_lease_ms: 'integer',
  p_known: 'bigint',
  p_batch: 'bigint',
  p_low_water: 'bigint',
  n_id: 'bigint[]',
  n_name: 'text[]',
  r_seq: 'bigint[]',
  r_n: 'integer[]',
  r_frame: 'bytea[]',
  p_look: 'bigint[]',
  p_take_back: 'bigint[]',
  p_related: 'boolean',
  s_seq: 'bigint[]',
  s_ending: 'smallint[]',
  s_ended_at: 'bigint[]',
  s_attempt: 'integer[]',
  s_n: 'integer[]',
  s_reason: 'text[]',
  s_frame: 'bytea[]',
  s_home: 'bigint[]',
  s_made: 'bigint[]',
  s_path: 'text[]',
  w_seq: 'bigint[]',
  w_flow: 'bigint[]',
  w_key: 'text[]',
  w_reason: 'smallint[]',
  w_wake_at: 'bigint[]',
  w_hold: 'boolean[]',
  w_parent: 'bigint[]',
  w_attempt: 'integer[]',
  w_home: 'bigint[]',
  w_made: 'bigint[]',
  w_path: 'text[]',
  w_accepted_at: 'bigint[]',
  w_bytes: 'integer[]',
  c_id: 'uuid[]',
  c_scope: 'text[]',
  c_key: 'text[]',
  c_until: 'bigint[]',
  c_value: 'bytea[]',
  c_gone: 'uuid[]',
  u_name: 'text[]',
  u_value: 'text[]',
  m_flow: 'bigint[]',
  m_version: 'bigint[]',
  m_key: 'text[]',
  m_token: 'text[]',
  m_accepted_at: 'bigint[]',
  m_headers: 'text[]',
  m_size: 'integer[]',
  m_body: 'bytea[]',
  m_ready: 'boolean[]',
  m_parent: 'bigint[]',
  m_parent_id: 'text[]',
  m_path: 'text[]',
  m_index: 'bigint[]',
  m_awaited: 'boolean[]',
  d_at: 'integer[]',
  d_id: 'uuid[]',
  d_scope: 'text[]',
  d_key: 'text[]',
  d_until: 'bigint[]',
  d_token: 'text[]',
  d_child: 'text[]',
  i_at: 'integer[]',
  i_field: 'text[]',
  i_value: 'text[]',
} as const

/** What `commit_1` refuses by, as SQLSTATE. */
export const REFUSALS = { fenced: 'LK001', oldBatch: 'LK002', tailLost: 'LK003', nameTaken: 'LK004' } as const

/**
 * `commit_1`: a whole batch in one call. It answers the place of the first message that was new, and the messages that
 * repeat others as JSON: position (from 1), place, token, id of a child.
 *
 * It first takes its member's row, so that commits of one engine, and its fencing, come one after the other. It takes
 * the counter of places last: from there on, acceptances of all engines wait for each other until this one is durable,
 * so places come in the order of commits. What it reads after that it reads as of after that.
 */
export function commitSql(schema: string): string {
  const parameters = Object.entries(COMMIT_PARAMETERS).map(([name, type]) => `${name} ${type}`)
  return `
    CREATE FUNCTION ${schema}.commit_1(${parameters.join(', ')}, OUT first bigint, OUT repeats text)
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '5s' AS $commit$
    DECLARE
      me ${schema}.members%ROWTYPE;
      facts ${schema}.facts_1[];
    BEGIN
      IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
      END IF;
      SELECT * INTO me FROM ${schema}.members m
        WHERE m.id = p_member AND m.incarnation = p_incarnation FOR NO KEY UPDATE;
      IF me.id IS NULL OR me.fenced OR me.closed THEN
        RAISE EXCEPTION 'this engine does not own the journal any more' USING ERRCODE = '${REFUSALS.fenced}';
      END IF;
      IF me.last_batch = p_batch THEN
        first := me.last_first;
        repeats := me.last_repeats;
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
        facts := ${schema}.look_1(p_look, p_take_back);
      END IF;
${SETTLE(schema)}
${PUT_WAITS(schema)}
${STATE(schema)}
      IF m_flow IS NOT NULL THEN
        SELECT a.first, a.repeats INTO first, repeats FROM ${schema}.accept_1(
          ${ACCEPT_PARAMETERS.join(', ')}
        ) a;
      END IF;
      UPDATE ${schema}.members m SET
        last_batch = p_batch, last_first = first, last_repeats = repeats, commits = m.commits + 1,
        low_water = greatest(m.low_water, p_low_water),
        lease_until = greatest(m.lease_until, clock_timestamp() + p_lease_ms * interval '1 millisecond')
        WHERE m.id = p_member;
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
          SELECT p.flow, p.ending + CASE WHEN p.child THEN 8 ELSE 0 END, 0, count(*) FROM put p GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, partition) DO UPDATE SET count = t.count + excluded.count;`

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
            coalesce(u.made, f.made), u.attempt, coalesce(u.bytes, f.bytes), 0, u.reason,
            CASE WHEN u.parent IS NOT NULL THEN 2 WHEN coalesce(u.made, f.made) IS NOT NULL THEN 1 ELSE 0 END,
            u.hold, u.parent IS NULL AND (u.hold OR u.reason = 0), u.key, coalesce(u.path, f.path)
          FROM unnest(w_seq, w_flow, w_wake_at, w_parent, w_accepted_at, w_home, w_made, w_attempt, w_bytes, w_reason,
              w_hold, w_key, w_path)
            AS u(seq, flow, wake_at, parent, accepted_at, home, made, attempt, bytes, reason, hold, key, path)
          LEFT JOIN unnest(facts) f ON f.seq = u.seq
          WHERE u.home IS NOT NULL OR f.seq IS NOT NULL
          RETURNING flow, reason, kin
        )
        INSERT INTO ${schema}.tallies AS t
          SELECT p.flow, 16 + p.reason + CASE WHEN p.kin > 0 THEN 8 ELSE 0 END, 0, count(*) FROM put p
          GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, partition) DO UPDATE SET count = t.count + excluded.count;
      END IF;`

const STATE = (schema: string): string => `
      IF c_id IS NOT NULL THEN
        INSERT INTO ${schema}.state AS c (id, scope, key, until, value)
          SELECT * FROM unnest(c_id, c_scope, c_key, c_until, c_value) AS u(id) ORDER BY u.id
          ON CONFLICT (id) DO UPDATE SET until = excluded.until, value = excluded.value;
      END IF;
      IF c_gone IS NOT NULL THEN
        DELETE FROM ${schema}.state c USING unnest(c_gone) AS u(id) WHERE c.id = u.id;
      END IF;
      IF u_name IS NOT NULL THEN
        INSERT INTO ${schema}.cursors SELECT * FROM unnest(u_name, u_value) AS u(name) ORDER BY u.name
          ON CONFLICT (name) DO UPDATE SET value = excluded.value;
      END IF;`

/**
 * What `commit_1` calls for messages that its engine does not know: they waited, ended, or were running when another
 * engine died. Their waits are removed, and the endings of those that are to be taken back. It answers what they are;
 * those that ended and stay so, and those that are not there, are missing from the answer.
 */
export function lookSql(schema: string): string {
  return `
    CREATE FUNCTION ${schema}.look_1(p_look bigint[], p_take_back bigint[]) RETURNS ${schema}.facts_1[]
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $look$
    DECLARE
      facts ${schema}.facts_1[];
      rest bigint[];
      back bigint[];
    BEGIN
      WITH gone AS (
        DELETE FROM ${schema}.waits w USING unnest(p_look) AS l(seq) WHERE w.seq = l.seq RETURNING w.*
      )
      SELECT array_agg(ROW(seq, home, made, path, accepted_at, bytes, flow, reason, kin)::${schema}.facts_1)
        INTO facts FROM gone;
      IF facts IS NOT NULL THEN
        INSERT INTO ${schema}.tallies AS t
          SELECT f.waited_flow, 16 + f.waited_reason + CASE WHEN f.waited_kin > 0 THEN 8 ELSE 0 END, 0, -count(*)
          FROM unnest(facts) f GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, partition) DO UPDATE SET count = t.count + excluded.count;
      END IF;
      IF cardinality(facts) = cardinality(p_look) THEN
        RETURN facts;
      END IF;
      SELECT array_agg(l.seq) INTO rest FROM unnest(p_look) AS l(seq)
        LEFT JOIN unnest(facts) f ON f.seq = l.seq WHERE f.seq IS NULL;
      SELECT array_agg(s.seq) INTO back FROM unnest(p_take_back) AS l(seq) JOIN ${schema}.settlements s ON s.seq = l.seq;
      IF back IS NOT NULL THEN
        PERFORM ${schema}.take_back_1(back);
      END IF;
      RETURN facts || (
        SELECT array_agg(
          ROW(m.seq, m.flow, m.parent_seq, m.parent_path, m.accepted_at, m.size, NULL, NULL, NULL)::${schema}.facts_1
        ) FROM unnest(rest) AS l(seq) JOIN ${schema}.messages m ON m.seq = l.seq
        WHERE NOT EXISTS (SELECT FROM ${schema}.settlements s WHERE s.seq = l.seq)
      );
    END $look$;

    CREATE FUNCTION ${schema}.take_back_1(p_seqs bigint[]) RETURNS void
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
          SELECT g.flow, g.ending + CASE WHEN g.child THEN 8 ELSE 0 END, 0, -count(*) FROM gone g GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, partition) DO UPDATE SET count = t.count + excluded.count
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

/** The key of an advisory lock, held for a transaction at most. */
export function lockKey(schema: string, what: 'migrate' | 'own' | 'volumes' | 'revive'): string {
  return `hashtextextended('linkspan ${what} ${schema.replaceAll('"', '')}', 0)`
}

const ACCEPT_PARAMETERS = Object.keys(COMMIT_PARAMETERS).filter((name) => /^[mdi]_/.test(name))

/** `accept_1`: what `commit_1` calls to accept messages. */
export function acceptSql(schema: string): string {
  const parameters = ACCEPT_PARAMETERS.map(
    (name) => `${name} ${COMMIT_PARAMETERS[name as keyof typeof COMMIT_PARAMETERS]}`,
  )
  return `
    CREATE FUNCTION ${schema}.accept_1(${parameters.join(', ')}, OUT first bigint, OUT repeats text)
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $accept$
    DECLARE
      total integer := cardinality(m_flow);
      base bigint;
      places bigint[];
      siblings integer[];
      next_sibling integer := 1;
      x_at integer[] := '{}';
      x_seq bigint[] := '{}';
      x_token text[] := '{}';
      x_child text[] := '{}';
      skipped integer := 0;
      d record;
      earlier record;
    BEGIN
      UPDATE ${schema}.head SET last_seq = last_seq + total WHERE id = 1 RETURNING last_seq - total INTO base;
      IF m_parent IS NOT NULL THEN
        SELECT coalesce(array_agg(u.at ORDER BY u.at), '{}'), coalesce(array_agg(m.seq ORDER BY u.at), '{}')
          INTO x_at, x_seq
          FROM unnest(m_parent, m_path, m_index) WITH ORDINALITY AS u(parent, path, index, at)
          JOIN ${schema}.messages m ON m.parent_seq = u.parent AND m.parent_path = u.path
            AND m.parent_index = u.index AND m.seq > u.parent;
        siblings := x_at;
        x_token := array_fill(NULL::text, ARRAY[cardinality(x_at)]);
        x_child := x_token;
      END IF;
      IF d_at IS NOT NULL THEN
        FOR d IN SELECT u.* FROM unnest(d_at, d_id, d_scope, d_key, d_until, d_token, d_child)
          AS u(at, id, scope, key, until, token, child) ORDER BY u.at
        LOOP
          WHILE siblings[next_sibling] < d.at LOOP
            next_sibling := next_sibling + 1;
            skipped := skipped + 1;
          END LOOP;
          CONTINUE WHEN siblings[next_sibling] = d.at;
          INSERT INTO ${schema}.seen AS s (id, seq, until, scope, key, token, child)
            VALUES (d.id, base + d.at - skipped, d.until, d.scope, d.key, d.token, d.child)
            ON CONFLICT (id) DO UPDATE SET
              seq = excluded.seq, until = excluded.until, token = excluded.token, child = excluded.child
            WHERE s.until <= m_accepted_at[d.at];
          IF NOT FOUND THEN
            SELECT s.seq, s.token, s.child INTO earlier FROM ${schema}.seen s WHERE s.id = d.id;
            skipped := skipped + 1;
            x_at := x_at || d.at;
            x_seq := x_seq || earlier.seq;
            x_token := array_append(x_token, earlier.token);
            x_child := array_append(x_child, earlier.child);
          END IF;
        END LOOP;
      END IF;
      IF x_at = '{}' THEN
        SELECT array_agg(g) INTO places FROM generate_series(base + 1, base + total) g;
      ELSE
        UPDATE ${schema}.head SET last_seq = last_seq - cardinality(x_at) WHERE id = 1;
        SELECT array_agg(
          CASE WHEN g.repeats THEN 0 ELSE base + g.at - g.before END ORDER BY g.at
        ) INTO places FROM (
          SELECT a.at, x.at IS NOT NULL AS repeats, count(x.at) OVER (ORDER BY a.at) AS before
          FROM generate_series(1, total) AS a(at) LEFT JOIN unnest(x_at) AS x(at) ON x.at = a.at
        ) g;
        SELECT json_agg(json_build_array(x.at, x.seq, x.token, x.child) ORDER BY x.at)::text INTO repeats
          FROM unnest(x_at, x_seq, x_token, x_child) AS x(at, seq, token, child);
      END IF;
      first := base + 1;

      INSERT INTO ${schema}.messages (seq, accepted_at, flow, code_version, parent_seq, parent_index, size, partition,
          key, token, headers, parent_id, parent_path, body)
        SELECT u.place, u.accepted_at, u.flow, u.version, u.parent, u.index, u.size, 0, u.key, u.token, u.headers,
          u.parent_id, u.path, u.body
        FROM unnest(places, m_accepted_at, m_flow, m_version, m_parent, m_index, m_size, m_key, m_token, m_headers,
            m_parent_id, m_path, m_body)
          AS u(place, accepted_at, flow, version, parent, index, size, key, token, headers, parent_id, path, body)
        WHERE u.place > 0;
      IF m_ready IS NOT NULL THEN
        WITH put AS (
          INSERT INTO ${schema}.waits (seq, flow, wake_at, parent, accepted_at, home, made, attempt, bytes, partition,
            reason, kin, hold, lane, key, path)
          SELECT u.place, u.flow, NULL, CASE WHEN u.awaited THEN u.parent END, u.accepted_at, u.flow, u.parent, 0, u.size,
            0, 0, CASE WHEN u.awaited THEN 2 WHEN u.parent IS NOT NULL THEN 1 ELSE 0 END, false,
            u.awaited IS NOT TRUE, u.key, u.path
          FROM unnest(places, m_ready, m_flow, m_accepted_at, m_size, m_key, m_parent, m_path, m_awaited)
            AS u(place, ready, flow, accepted_at, size, key, parent, path, awaited)
          WHERE u.ready AND u.place > 0
          RETURNING flow, kin
        )
        INSERT INTO ${schema}.tallies AS t
          SELECT p.flow, 16 + CASE WHEN p.kin > 0 THEN 8 ELSE 0 END, 0, count(*) FROM put p GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, partition) DO UPDATE SET count = t.count + excluded.count;
      END IF;
      IF i_at IS NOT NULL THEN
        INSERT INTO ${schema}.message_index (seq, field, value)
          SELECT places[u.at], u.field, u.value FROM unnest(i_at, i_field, i_value) AS u(at, field, value)
          WHERE places[u.at] > 0;
      END IF;
      IF m_parent IS NOT NULL THEN
        PERFORM ${schema}.count_children_1(array_agg(u.parent), array_agg(u.path), array_agg(1))
          FROM unnest(places, m_parent, m_path) AS u(place, parent, path)
          WHERE u.place > 0 AND u.parent IS NOT NULL HAVING count(*) > 0;
      END IF;
    END $accept$;
  `
}
