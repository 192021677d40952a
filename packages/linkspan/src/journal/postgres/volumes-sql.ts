import { lockKey, REFUSALS } from './commit-parameters.ts'
import { FUNCTION_SETTINGS, VOLUME_TABLES } from './tables-sql.ts'

/** Volumes of the history, and forgetting: `add_volumes_1` and what belongs to it, `drop_volume_1`, `prune_1`. */
export function volumesSql(schema: string): string {
  return keptSql(schema) + addSql(schema) + dropSql(schema) + pruneSql(schema)
}

const keptSql = (schema: string): string =>
  VOLUME_TABLES.map(
    (table) =>
      `CREATE TABLE ${schema}.${table}_kept PARTITION OF ${schema}.${table} FOR VALUES FROM (MINVALUE) TO (1);`,
  ).join('\n')

const TABLES = `ARRAY[${VOLUME_TABLES.map((table) => `'${table}'`).join(', ')}]`

/**
 * A table is made apart and then attached, which holds up neither reads nor writes of the others. Three transactions make
 * a volume, as PostgreSQL (12 to 18) does not tell every session of a partition that was added under this weak lock: one
 * that lists the partitions while another is being added may keep its list without it, and read as if what lies there
 * were not. `add_volumes_1` adds volumes; `announce_volumes_1`, once that is through, has every session list them anew,
 * whatever it has listed; and once that is through, `use_volumes_1` lets commits write to those up to a place.
 */
const addSql = (schema: string): string => `
  CREATE FUNCTION ${schema}.add_volumes_1(p_size bigint, p_up_to bigint, p_ahead bigint,
    OUT hi bigint, OUT usable boolean)
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $add$
  DECLARE
    up_to bigint;
  BEGIN
    PERFORM pg_advisory_xact_lock(${lockKey(schema, 'volumes')});
    SELECT greatest(p_up_to, h.last_seq + p_ahead) INTO up_to FROM ${schema}.head h;
    LOOP
      SELECT coalesce(max(v.hi), 1), coalesce(bool_and(v.usable), true) INTO hi, usable FROM ${schema}.volumes v;
      EXIT WHEN hi > up_to;
      PERFORM ${schema}.make_volume_1(hi, hi + p_size);
    END LOOP;
  END $add$;

  CREATE FUNCTION ${schema}.make_volume_1(p_lo bigint, p_hi bigint) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $make$
  DECLARE
    name text;
  BEGIN
    FOREACH name IN ARRAY ${TABLES} LOOP
      EXECUTE format('CREATE TABLE ${schema}.%I (LIKE ${schema}.%I INCLUDING ALL)', name || '_' || p_lo, name);
      EXECUTE format('ALTER TABLE ${schema}.%I ATTACH PARTITION ${schema}.%I FOR VALUES FROM (%s) TO (%s)',
        name, name || '_' || p_lo, p_lo, p_hi);
    END LOOP;
    INSERT INTO ${schema}.volumes VALUES (p_lo, p_hi, false);
  END $make$;

  CREATE FUNCTION ${schema}.announce_volumes_1() RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $announce$
  DECLARE
    name text;
  BEGIN
    -- It sets what is set already: that sessions are told of a change is what it is for.
    FOREACH name IN ARRAY ${TABLES} LOOP
      EXECUTE format('ALTER TABLE ONLY ${schema}.%I ALTER COLUMN seq SET STATISTICS -1', name);
    END LOOP;
  END $announce$;

  CREATE FUNCTION ${schema}.use_volumes_1(p_hi bigint) RETURNS void
  LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $use$
    UPDATE ${schema}.volumes v SET usable = true WHERE NOT v.usable AND v.hi <= p_hi
  $use$;
`

/**
 * Drops the oldest volume when all of it lies below the low water. What of it must be kept goes into the volume `kept`
 * first: what ended too late or waits for a person, what waits, parents of open children, and children of any depth
 * whose parent must be kept, here or there. It answers how many messages were forgotten; null when there is no such
 * volume, or somebody else sees to volumes just now; -1 when more than \`p_most\` must be kept.
 *
 * Readers of a dropped volume are waited for only so long: beyond that it fails with a lock time-out, and commits go on.
 */
const dropSql = (schema: string): string => `
  CREATE FUNCTION ${schema}.drop_volume_1(p_member bigint, p_incarnation uuid, p_before bigint, p_attention bigint,
    p_most integer) RETURNS bigint
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '200ms' AS $drop$
  DECLARE
    oldest ${schema}.volumes%ROWTYPE;
    keep bigint[];
    name text;
    flows bigint[];
    slots smallint[];
    counts bigint[];
  BEGIN
    IF NOT pg_try_advisory_xact_lock(${lockKey(schema, 'volumes')}) THEN
      RETURN NULL;
    END IF;
    SELECT v.* INTO oldest FROM ${schema}.volumes v
      JOIN ${schema}.members m ON m.id = p_member AND m.incarnation = p_incarnation AND NOT m.fenced
      WHERE v.hi <= ${schema}.bound_1() AND v.hi < (SELECT max(w.hi) FROM ${schema}.volumes w) ORDER BY v.lo LIMIT 1;
    IF oldest.lo IS NULL THEN
      RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(${lockKey(schema, 'revive')});
    EXECUTE format(
      'WITH RECURSIVE k AS (
        SELECT seq FROM (
          SELECT s.seq FROM (
            SELECT seq, ending, ended_at FROM ${schema}.settlements_%1$s
            UNION ALL SELECT seq, ending, ended_at FROM ${schema}.settlements_kept
          ) s WHERE s.ended_at >= CASE WHEN s.ending IN (2, 3, 4) THEN $1 ELSE $2 END
          UNION ALL SELECT w.seq FROM ${schema}.waits w WHERE w.seq < $4
          UNION ALL SELECT f.parent FROM ${schema}.families f WHERE f.parent < $4
        ) needed
        UNION SELECT c.seq FROM k JOIN (
          SELECT seq, parent_seq FROM ${schema}.messages_%1$s
          UNION ALL SELECT seq, parent_seq FROM ${schema}.messages_kept
        ) c ON c.parent_seq = k.seq
      )
      SELECT array_agg(seq) FROM (SELECT k.seq FROM k WHERE k.seq >= $3 LIMIT $5 + 1) l', oldest.lo)
      INTO keep USING p_attention, p_before, oldest.lo, oldest.hi, p_most;
    IF cardinality(keep) > p_most THEN
      RETURN -1;
    END IF;
    EXECUTE format(
      'SELECT array_agg(flow), array_agg(slot), array_agg(n) FROM (
        SELECT s.flow, (s.ending + CASE WHEN s.child THEN 8 ELSE 0 END)::smallint AS slot, count(*) - count(k.seq) AS n
        FROM ${schema}.settlements_%s s LEFT JOIN unnest($1) AS k(seq) ON k.seq = s.seq GROUP BY 1, 2 ORDER BY 1, 2) c',
      oldest.lo) INTO flows, slots, counts USING keep;
    FOREACH name IN ARRAY ${TABLES} LOOP
      EXECUTE format('LOCK TABLE ${schema}.%I IN ACCESS EXCLUSIVE MODE', name);
    END LOOP;
    FOREACH name IN ARRAY ${TABLES} LOOP
      EXECUTE format('ALTER TABLE ${schema}.%1$I DETACH PARTITION ${schema}.%1$s_kept', name);
      EXECUTE format('INSERT INTO ${schema}.%1$s_kept SELECT * FROM ${schema}.%1$s_%2$s WHERE seq = ANY($1)',
        name, oldest.lo) USING keep;
      EXECUTE format('DROP TABLE ${schema}.%s_%s', name, oldest.lo);
      EXECUTE format('ALTER TABLE ${schema}.%1$I ATTACH PARTITION ${schema}.%1$s_kept FOR VALUES FROM (MINVALUE) TO (%2$s)',
        name, oldest.hi);
    END LOOP;
    DELETE FROM ${schema}.volumes v WHERE v.lo = oldest.lo;
    INSERT INTO ${schema}.tallies AS t SELECT u.flow, u.slot, 0, -u.n FROM unnest(flows, slots, counts) AS u(flow, slot, n)
      WHERE u.n <> 0 ON CONFLICT (flow, slot, member) DO UPDATE SET count = t.count + excluded.count;
    RETURN coalesce((SELECT sum(n) FROM unnest(counts) AS n), 0);
  END $drop$;
`

/**
 * Forgets messages one by one: looks at up to \`p_limit\` ended ones between two places. \`young\` when all of a full
 * stretch were too young; \`soonest\` is how far the bounds have to move until the first of those has had its time.
 * Children stay with a parent that stays; so that none is revived between the look and the deed, redelivery is held up
 * meanwhile. One engine at a time: for others there is nothing to do then.
 */
const pruneSql = (schema: string): string => `
  CREATE FUNCTION ${schema}.prune_1(p_member bigint, p_incarnation uuid, p_after bigint, p_stop bigint, p_before bigint,
    p_attention bigint, p_now bigint, p_limit integer,
    OUT looked integer, OUT last bigint, OUT young boolean, OUT forgotten integer, OUT soonest bigint,
    OUT expired integer)
  LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '1s' AS $prune$
  DECLARE
    old bigint[];
    gone bigint[];
    more integer;
    stop bigint := least(p_stop, ${schema}.bound_1());
  BEGIN
    IF NOT EXISTS (SELECT FROM ${schema}.members m WHERE m.id = p_member AND m.incarnation = p_incarnation AND NOT m.fenced) THEN
      RAISE EXCEPTION 'others took over from this engine' USING ERRCODE = '${REFUSALS.fenced}';
    END IF;
    IF NOT pg_try_advisory_xact_lock(${lockKey(schema, 'prune')}) THEN
      looked := 0;
      young := true;
      forgotten := 0;
      expired := 0;
      RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(${lockKey(schema, 'revive')});
    WITH RECURSIVE around AS MATERIALIZED (
      SELECT s.seq, s.ended_at, CASE WHEN s.ending IN (2, 3, 4) THEN p_attention ELSE p_before END AS bound,
          coalesce(m.accepted_at, 0) AS accepted_at, m.parent_seq FROM ${schema}.settlements s
        LEFT JOIN ${schema}.messages m ON m.seq = s.seq
        WHERE s.seq > p_after AND s.seq < stop ORDER BY s.seq LIMIT p_limit
    ), due AS MATERIALIZED (
      SELECT a.seq, a.parent_seq FROM around a
        WHERE a.ended_at < a.bound AND NOT EXISTS (SELECT FROM ${schema}.families f WHERE f.parent = a.seq)
    ), held AS (
      -- OFFSET keeps it a look-up for each, which a join of the two need not be.
      SELECT d.seq FROM due d WHERE EXISTS (SELECT FROM ${schema}.messages p WHERE p.seq = d.parent_seq OFFSET 0)
        AND NOT EXISTS (SELECT FROM due e WHERE e.seq = d.parent_seq)
      UNION ALL SELECT d.seq FROM held h JOIN due d ON d.parent_seq = h.seq
    )
    SELECT count(*), max(a.seq), coalesce(bool_and(a.ended_at >= p_before AND a.accepted_at >= p_before), true),
        min(a.ended_at - a.bound) FILTER (WHERE a.ended_at >= a.bound),
        array_agg(a.seq ORDER BY a.seq) FILTER (WHERE d.seq IS NOT NULL AND h.seq IS NULL)
      INTO looked, last, young, soonest, old
      FROM around a LEFT JOIN due d ON d.seq = a.seq LEFT JOIN held h ON h.seq = a.seq;
    young := young AND looked = p_limit;
    IF old IS NOT NULL THEN
      WITH deleted AS (
        DELETE FROM ${schema}.settlements s USING unnest(old) AS o(seq) WHERE s.seq = o.seq RETURNING s.seq, s.flow, s.ending, s.child
      ), counted AS (
        INSERT INTO ${schema}.tallies AS t
          SELECT g.flow, g.ending + CASE WHEN g.child THEN 8 ELSE 0 END, 0, -count(*) FROM deleted g GROUP BY 1, 2 ORDER BY 1, 2
          ON CONFLICT (flow, slot, member) DO UPDATE SET count = t.count + excluded.count
      )
      SELECT array_agg(seq) INTO gone FROM deleted;
      DELETE FROM ${schema}.records r USING unnest(gone) AS o(seq) WHERE r.seq = o.seq;
      DELETE FROM ${schema}.messages m USING unnest(gone) AS o(seq) WHERE m.seq = o.seq;
      DELETE FROM ${schema}.message_index i USING unnest(gone) AS o(seq) WHERE i.seq = o.seq;
    END IF;
    forgotten := coalesce(cardinality(gone), 0);
    DELETE FROM ${schema}.state c WHERE c.until <= p_now AND c.id IN (
      SELECT d.id FROM ${schema}.state d WHERE d.until <= p_now ORDER BY d.until LIMIT p_limit);
    GET DIAGNOSTICS expired = ROW_COUNT;
    DELETE FROM ${schema}.seen c WHERE c.until <= p_now AND c.id IN (
      SELECT d.id FROM ${schema}.seen d WHERE d.until <= p_now ORDER BY d.until LIMIT p_limit);
    GET DIAGNOSTICS more = ROW_COUNT;
    expired := expired + more;
  END $prune$;
`
