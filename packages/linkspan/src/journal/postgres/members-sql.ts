import { REFUSALS } from './commit-parameters.ts'
import { DURABLY, mailSql, NOW_MS, RENEWED, takeMemberSql } from './member-row-sql.ts'
import { FUNCTION_SETTINGS } from './tables-sql.ts'

/** Into how many partitions a new journal's key space is cut. */
export const DEFAULT_PARTITIONS = 32

/**
 * Sharing the journal. Times are the database's.
 *
 * - `join_1` puts an engine among the members; its row says until when its lease runs.
 * - `beat_1` renews the lease, fences members whose lease has run out, and takes what nobody owns up to a fair share.
 * - `release_1`, `recovered_1` and `close_1` change what a member owns; `poll_1` only looks.
 *
 * All that a member does takes its own row first, so that it is fenced between its transactions and never within one.
 * Rows of dead members are passed over when somebody has them. Whoever changes owners takes the row of `head` last.
 * So nobody waits in a circle. Each call has a turn that rises: one that was given up and arrives late is refused, as a
 * partition may have come back meanwhile.
 */
export function membersSql(schema: string): string {
  return [boundSql, fenceSql, joinSql, enterSql, beatSql, giveBackSql].map((sql) => sql(schema)).join('\n')
}

/** Below `bound_1` all messages that have no wait are ended, whoever owns them. */
const boundSql = (schema: string): string => `
    CREATE FUNCTION ${schema}.bound_1() RETURNS bigint LANGUAGE plpgsql STABLE ${FUNCTION_SETTINGS} AS $bound$
    BEGIN
      RETURN least(
        (SELECT min(m.low_water) FROM ${schema}.members m WHERE NOT m.fenced AND NOT m.closed),
        (SELECT min(p.recover_from) FROM ${schema}.partitions p),
        (SELECT h.last_seq + 1 FROM ${schema}.head h)
      );
    END $bound$;`

/**
 * What a member leaves behind belongs to nobody, and says from where on its next owner has to look for what ran. An heir
 * that dies before it has taken that up has begun with nothing itself: who died stays the one before.
 */
const fenceSql = (schema: string): string => `
    CREATE FUNCTION ${schema}.abandon_1(p_members bigint[]) RETURNS void
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $abandon$
    BEGIN
      UPDATE ${schema}.partitions p SET owner = NULL, recover_from = least(p.recover_from, m.low_water),
        died_member = coalesce(p.died_member, m.id), died_up_to = h.last_seq
        FROM ${schema}.members m, ${schema}.head h WHERE p.owner = m.id AND m.id = ANY (p_members);
      DELETE FROM ${schema}.mail b WHERE b.member = ANY (p_members);
    END $abandon$;

    CREATE FUNCTION ${schema}.fence_1(p_me bigint, p_gone bigint[]) RETURNS void
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $fence$
    DECLARE
      dead bigint[];
    BEGIN
      SELECT array_agg(d.id) INTO dead FROM (
        SELECT m.id FROM ${schema}.members m WHERE NOT m.fenced AND NOT m.closed AND m.id <> p_me
          AND (m.lease_until <= clock_timestamp() OR m.id = ANY (p_gone))
        ORDER BY m.id FOR NO KEY UPDATE SKIP LOCKED
      ) d;
      IF dead IS NULL THEN
        RETURN;
      END IF;
      PERFORM FROM ${schema}.head h FOR NO KEY UPDATE;
      UPDATE ${schema}.members m SET fenced = true WHERE m.id = ANY (dead);
      PERFORM ${schema}.abandon_1(dead);
    END $fence$;`

/**
 * A refusal is an answer without a member: the number of partitions is another one, or engines live here that have other
 * flows. Members that are long gone are forgotten, and their counts are put together.
 */
const joinSql = (schema: string): string => `
    CREATE FUNCTION ${schema}.fold_1() RETURNS void LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $fold$
    BEGIN
      WITH gone AS (
        DELETE FROM ${schema}.tallies t WHERE t.member <> 0
          AND NOT EXISTS (SELECT FROM ${schema}.members m WHERE m.id = t.member AND NOT m.fenced AND NOT m.closed)
        RETURNING t.flow, t.slot, t.count
      )
      INSERT INTO ${schema}.tallies AS t SELECT g.flow, g.slot, 0, sum(g.count) FROM gone g GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (flow, slot, member) DO UPDATE SET count = t.count + excluded.count;
    END $fold$;

    CREATE FUNCTION ${schema}.join_1(p_name text, p_lease_ms integer, p_partitions integer, p_flows jsonb, p_host text,
      p_process text, p_gone bigint[], p_wall double precision, OUT member bigint, OUT incarnation uuid, OUT parts integer, OUT crashed boolean,
      OUT last_seq bigint, OUT low_water bigint, OUT history_size bigint,
      OUT others text, OUT other_flows text, OUT remaining_ms double precision, OUT now_ms double precision)
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '5s' AS $join$
    BEGIN
      ${DURABLY}
      PERFORM ${schema}.fold_1();
      SELECT h.last_seq, h.partitions INTO last_seq, parts FROM ${schema}.head h FOR NO KEY UPDATE;
      IF parts IS NULL THEN
        parts := coalesce(p_partitions, ${DEFAULT_PARTITIONS});
        UPDATE ${schema}.head h SET partitions = parts;
        INSERT INTO ${schema}.partitions (partition) SELECT generate_series(0, parts - 1);
      END IF;
      IF p_partitions <> parts THEN
        RETURN;
      END IF;
      PERFORM ${schema}.fence_1(0, p_gone);
      IF p_flows <> '{}' AND NOT EXISTS (
        SELECT FROM ${schema}.members m, jsonb_object_keys(m.flows) AS f(name)
        WHERE NOT m.fenced AND NOT m.closed AND p_flows ? f.name
      ) THEN
        SELECT string_agg(DISTINCT m.name, ', '), string_agg(DISTINCT f.name, ', '),
          extract(epoch FROM max(m.lease_until) - clock_timestamp()) * 1000 INTO others, other_flows, remaining_ms
          FROM ${schema}.members m, jsonb_object_keys(m.flows) AS f(name) WHERE NOT m.fenced AND NOT m.closed;
        IF others IS NOT NULL THEN
          RETURN;
        END IF;
      END IF;
      SELECT coalesce(max(m.id), 0) + 1 INTO member FROM ${schema}.members m;
      DELETE FROM ${schema}.members m WHERE m.id < member - 20 AND (m.fenced OR m.closed)
        AND NOT EXISTS (SELECT FROM ${schema}.partitions p WHERE p.died_member = m.id);
      low_water := last_seq + 1;
      crashed := EXISTS (
        SELECT FROM ${schema}.partitions p JOIN ${schema}.members d ON d.id = p.died_member AND d.fenced
        WHERE p.owner IS NULL AND p.recover_from IS NOT NULL
      );
      INSERT INTO ${schema}.members AS m (id, incarnation, name, since, lease_until, fenced, closed, takes, turn, commits,
          low_water, flows, host, process, clock_ahead_ms, last_batch)
        VALUES (member, gen_random_uuid(), p_name, clock_timestamp(),
          clock_timestamp() + p_lease_ms * interval '1 millisecond', false, false, false, 0, 0,
          low_water, p_flows, p_host, p_process, p_wall - ${NOW_MS}, 0)
        RETURNING m.incarnation INTO incarnation;
      now_ms := ${NOW_MS};
      SELECT coalesce(sum(t.count), 0) INTO history_size FROM ${schema}.tallies t WHERE t.slot < 16;
    END $join$;`

const enterSql = (schema: string): string => `
    CREATE FUNCTION ${schema}.enter_1(p_member bigint, p_incarnation uuid, p_turn bigint, p_lease_ms integer)
    RETURNS ${schema}.members LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $enter$
    DECLARE
      me ${schema}.members%ROWTYPE;
    BEGIN
      ${takeMemberSql(schema)}
      IF p_turn <= me.turn THEN
        RAISE EXCEPTION 'turn % came after turn %', p_turn, me.turn USING ERRCODE = '${REFUSALS.oldTurn}';
      END IF;
      UPDATE ${schema}.members m SET turn = p_turn,
        ${RENEWED}
        WHERE m.id = p_member;
      RETURN me;
    END $enter$;`

/**
 * The fair share is the even one; what is left over goes to the oldest members. A member gives something back only while
 * another has less than the even share, so that joining and leaving move little.
 *
 * \`p_rest\` says that nothing ran when so many commits had been made: if that is all of them, the low water rises by
 * itself, and an engine that has nothing to do holds back no forgetting.
 */
const beatSql = (schema: string): string => `
    CREATE FUNCTION ${schema}.beat_1(p_member bigint, p_incarnation uuid, p_turn bigint, p_lease_ms integer,
      p_takes boolean, p_rest bigint, p_mail bigint, p_wall double precision,
      OUT now_ms double precision, OUT owned text, OUT surplus integer, OUT crew text, OUT mail text)
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '5s' AS $beat$
    DECLARE
      fair integer;
      even integer;
      lacks integer;
    BEGIN
      PERFORM ${schema}.enter_1(p_member, p_incarnation, p_turn, p_lease_ms);
      now_ms := ${NOW_MS};
      UPDATE ${schema}.members m SET takes = p_takes, clock_ahead_ms = p_wall - now_ms, low_water = CASE WHEN m.commits = p_rest
        THEN greatest(m.low_water, (SELECT h.last_seq + 1 FROM ${schema}.head h)) ELSE m.low_water END
        WHERE m.id = p_member;
      PERFORM ${schema}.fence_1(p_member, NULL);
      SELECT c.ids, c.even, c.even + CASE WHEN c.before < c.over THEN 1 ELSE 0 END INTO crew, even, fair FROM (
        SELECT string_agg(t.id::text, ' ' ORDER BY t.id) AS ids, count(*) FILTER (WHERE t.id < p_member) AS before,
          h.partitions / count(*) AS even, h.partitions % count(*) AS over
        FROM ${schema}.head h, ${schema}.members t
        WHERE t.takes AND NOT t.fenced AND NOT t.closed AND t.lease_until > clock_timestamp() GROUP BY h.partitions
      ) c;
      lacks := fair - (SELECT count(*) FROM ${schema}.partitions p WHERE p.owner = p_member);
      surplus := 0;
      IF p_takes AND lacks > 0 AND EXISTS (SELECT FROM ${schema}.partitions p WHERE p.owner IS NULL) THEN
        PERFORM FROM ${schema}.head h FOR NO KEY UPDATE;
        UPDATE ${schema}.partitions p SET owner = p_member WHERE p.owner IS NULL AND p.partition IN (
          SELECT f.partition FROM ${schema}.partitions f WHERE f.owner IS NULL ORDER BY f.partition LIMIT lacks);
      ELSIF p_takes AND lacks < 0 AND EXISTS (
        SELECT FROM ${schema}.members t
        WHERE t.takes AND NOT t.fenced AND NOT t.closed AND t.lease_until > clock_timestamp()
          AND (SELECT count(*) FROM ${schema}.partitions p WHERE p.owner = t.id) < even
      ) THEN
        surplus := -lacks;
      END IF;
      SELECT json_agg(json_build_array(p.partition, p.recover_from, p.died_member, p.died_up_to) ORDER BY p.partition)::text
        INTO owned FROM ${schema}.partitions p WHERE p.owner = p_member;
      mail := ${mailSql(schema)};
    END $beat$;

    CREATE FUNCTION ${schema}.poll_1(p_member bigint, p_mail bigint, OUT lives boolean, OUT free boolean, OUT crew text,
      OUT mail text)
    LANGUAGE plpgsql STABLE ${FUNCTION_SETTINGS} AS $poll$
    BEGIN
      SELECT string_agg(t.id::text, ' ' ORDER BY t.id) FILTER (WHERE t.takes AND t.lease_until > clock_timestamp()),
        coalesce(bool_or(t.id = p_member), false) INTO crew, lives
        FROM ${schema}.members t WHERE NOT t.fenced AND NOT t.closed;
      free := EXISTS (SELECT FROM ${schema}.partitions p WHERE p.owner IS NULL);
      mail := ${mailSql(schema)};
    END $poll$;`

const giveBackSql = (schema: string): string => `
    CREATE FUNCTION ${schema}.recovered_1(p_member bigint, p_incarnation uuid, p_turn bigint, p_lease_ms integer,
      p_partitions smallint[]) RETURNS void
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '5s' AS $recovered$
    BEGIN
      PERFORM ${schema}.enter_1(p_member, p_incarnation, p_turn, p_lease_ms);
      UPDATE ${schema}.partitions p SET recover_from = NULL, died_member = NULL, died_up_to = NULL
        WHERE p.owner = p_member AND p.partition = ANY (p_partitions);
    END $recovered$;

    CREATE FUNCTION ${schema}.release_1(p_member bigint, p_incarnation uuid, p_turn bigint, p_lease_ms integer,
      p_partitions smallint[]) RETURNS void
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '5s' AS $release$
    BEGIN
      PERFORM ${schema}.enter_1(p_member, p_incarnation, p_turn, p_lease_ms);
      PERFORM FROM ${schema}.head h FOR NO KEY UPDATE;
      UPDATE ${schema}.partitions p SET owner = NULL WHERE p.owner = p_member AND p.partition = ANY (p_partitions);
    END $release$;

    CREATE FUNCTION ${schema}.close_1(p_member bigint, p_incarnation uuid, p_turn bigint, p_at_rest boolean)
    RETURNS void LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '5s' AS $close$
    BEGIN
      PERFORM ${schema}.enter_1(p_member, p_incarnation, p_turn, 0);
      PERFORM FROM ${schema}.head h FOR NO KEY UPDATE;
      IF p_at_rest THEN
        UPDATE ${schema}.partitions p SET owner = NULL WHERE p.owner = p_member;
        DELETE FROM ${schema}.mail b WHERE b.member = p_member;
      ELSE
        PERFORM ${schema}.abandon_1(ARRAY[p_member]);
      END IF;
      UPDATE ${schema}.members m SET closed = true, takes = false, lease_until = clock_timestamp()
        WHERE m.id = p_member;
    END $close$;`
