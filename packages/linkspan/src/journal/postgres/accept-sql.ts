import { COMMIT_PARAMETERS, REFUSALS } from './commit-parameters.ts'
import { FUNCTION_SETTINGS } from './tables-sql.ts'

/** What of a batch `accept_1` is given. */
export const ACCEPT_PARAMETERS: readonly string[] = Object.keys(COMMIT_PARAMETERS).filter((name) =>
  /^[mdi]_/.test(name),
)

/**
 * `accept_1`: what `commit_1` calls to accept messages. Once it has the counter of places nobody's partitions change, so
 * what is handed over is told to their owner as of that moment; and a message whose engine has not read what was handed
 * over before it, or does not own its partition, lies in the backlog instead of running.
 */
export function acceptSql(schema: string): string {
  const parameters = ACCEPT_PARAMETERS.map(
    (name) => `${name} ${COMMIT_PARAMETERS[name as keyof typeof COMMIT_PARAMETERS]}`,
  )
  return `
    CREATE FUNCTION ${schema}.accept_1(p_member bigint, ${parameters.join(', ')},
      OUT first bigint, OUT repeats text, OUT behind integer[])
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
      owned smallint[];
      nth integer;
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
      IF (
        SELECT v.hi FROM ${schema}.volumes v WHERE v.usable ORDER BY v.lo DESC LIMIT 1
      ) > base + total - cardinality(x_at) IS NOT TRUE THEN
        RAISE EXCEPTION 'there is no volume for all of % messages', total USING ERRCODE = '${REFUSALS.noVolume}';
      END IF;

      SELECT array_agg(p.partition) INTO owned FROM ${schema}.partitions p WHERE p.owner = p_member;
      IF m_hand_over IS NOT NULL OR (m_partition <@ owned) IS NOT TRUE
        OR EXISTS (SELECT FROM ${schema}.mail b WHERE b.member = p_member AND b.handed > m_handed_least)
      THEN
        behind := ${schema}.hand_over_1(p_member, places, m_flow, m_partition, m_ready, m_hand_over, m_handed);
        IF behind IS NOT NULL THEN
          m_ready := coalesce(m_ready, array_fill(false, ARRAY[total]));
          FOREACH nth IN ARRAY behind LOOP
            m_ready[nth] := true;
          END LOOP;
        END IF;
      END IF;
      INSERT INTO ${schema}.messages (seq, accepted_at, flow, code_version, parent_seq, parent_index, size, partition,
          key, token, headers, parent_id, parent_path, body)
        SELECT u.place, u.accepted_at, u.flow, u.version, u.parent, u.index, u.size, u.partition, u.key, u.token, u.headers,
          u.parent_id, u.path, u.body
        FROM unnest(places, m_accepted_at, m_flow, m_version, m_parent, m_index, m_size, m_key, m_token, m_headers,
            m_parent_id, m_path, m_body, m_partition)
          AS u(place, accepted_at, flow, version, parent, index, size, key, token, headers, parent_id, path, body, partition)
        WHERE u.place > 0;
      IF m_ready IS NOT NULL THEN
        WITH put AS (
          INSERT INTO ${schema}.waits (seq, flow, wake_at, parent, accepted_at, home, made, attempt, bytes, partition,
            reason, kin, hold, lane, key, path)
          SELECT u.place, u.flow, NULL, CASE WHEN u.awaited THEN u.parent END, u.accepted_at, u.flow, u.parent, 0, u.size,
            u.partition, 0, CASE WHEN u.awaited THEN 2 WHEN u.parent IS NOT NULL THEN 1 ELSE 0 END, false,
            u.awaited IS NOT TRUE, u.key, u.path
          FROM unnest(places, m_ready, m_flow, m_accepted_at, m_size, m_key, m_parent, m_path, m_awaited, m_partition)
            AS u(place, ready, flow, accepted_at, size, key, parent, path, awaited, partition)
          WHERE u.ready AND u.place > 0
          RETURNING flow, kin
        )
        INSERT INTO ${schema}.tallies AS t
          SELECT p.flow, 16 + CASE WHEN p.kin > 0 THEN 8 ELSE 0 END, p_member, count(*) FROM put p GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, member) DO UPDATE SET count = t.count + excluded.count;
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
${HAND_OVER(schema)}
  `
}

/** Answers the positions of messages that were to run and may not; tells the owners of partitions what is theirs. */
const HAND_OVER = (schema: string): string => `
    CREATE FUNCTION ${schema}.hand_over_1(p_member bigint, p_places bigint[], p_flow bigint[], p_partition smallint[],
      p_ready boolean[], p_hand_over boolean[], p_handed bigint[]) RETURNS integer[]
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $hand_over$
    DECLARE
      behind integer[];
    BEGIN
      WITH given AS (
        SELECT u.at, u.flow, p.owner, u.ready IS TRUE AS ready, u.handed, u.hand_over IS TRUE AS hand_over
        FROM unnest(p_places, p_flow, p_partition, p_ready, p_hand_over, p_handed) WITH ORDINALITY
          AS u(place, flow, partition, ready, hand_over, handed, at)
        LEFT JOIN ${schema}.partitions p ON p.partition = u.partition WHERE u.place > 0
      ), own AS (
        SELECT g.flow, min(g.at) AS at FROM given g WHERE g.hand_over AND g.owner = p_member GROUP BY g.flow
      )
      SELECT array_agg(g.at ORDER BY g.at) INTO behind FROM given g
        LEFT JOIN ${schema}.mail b ON b.member = p_member AND b.flow = g.flow LEFT JOIN own o ON o.flow = g.flow
        WHERE NOT g.ready AND (
          g.owner IS DISTINCT FROM p_member OR (g.handed IS NOT NULL AND (b.handed > g.handed OR o.at < g.at))
        );
      INSERT INTO ${schema}.mail AS b (member, flow, handed)
        SELECT p.owner, u.flow, max(u.place)
        FROM unnest(p_places, p_flow, p_partition, p_hand_over) WITH ORDINALITY
          AS u(place, flow, partition, hand_over, at)
        JOIN ${schema}.partitions p ON p.partition = u.partition
        WHERE u.place > 0 AND p.owner IS NOT NULL
          AND (u.hand_over OR (u.at = ANY (behind) AND p.owner <> p_member))
        GROUP BY p.owner, u.flow
        ON CONFLICT (member, flow) DO UPDATE SET handed = excluded.handed;
      RETURN behind;
    END $hand_over$;`
