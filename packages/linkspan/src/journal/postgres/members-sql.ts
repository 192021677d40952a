import { lockKey } from './commit-sql.ts'
import { FUNCTION_SETTINGS } from './tables-sql.ts'

/**
 * Owning the journal: `claim_1`, `renew_1`, `close_1`. Times are the database's. An engine owns the journal until another
 * one has fenced it, which needs that its lease has run out; its row says so, and each of its commits takes that row.
 */
export function membersSql(schema: string): string {
  return `
    CREATE FUNCTION ${schema}.claim_1(p_name text, p_lease_ms integer, OUT member bigint, OUT incarnation uuid,
      OUT crashed boolean, OUT last_seq bigint, OUT low_water bigint, OUT history_size bigint,
      OUT owner text, OUT owner_until double precision, OUT remaining_ms double precision)
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '5s' AS $claim$
    DECLARE
      present ${schema}.members%ROWTYPE;
    BEGIN
      PERFORM pg_advisory_xact_lock(${lockKey(schema, 'own')});
      SELECT * INTO present FROM ${schema}.members m ORDER BY m.id DESC LIMIT 1 FOR NO KEY UPDATE;
      IF NOT present.fenced AND NOT present.closed AND present.lease_until > clock_timestamp() THEN
        owner := present.name;
        owner_until := extract(epoch FROM present.lease_until) * 1000;
        remaining_ms := extract(epoch FROM present.lease_until - clock_timestamp()) * 1000;
        RETURN;
      END IF;
      UPDATE ${schema}.members m SET fenced = true WHERE NOT m.closed AND NOT m.fenced;
      DELETE FROM ${schema}.members m WHERE m.id < present.id - 10;
      crashed := coalesce(NOT present.closed, false);
      low_water := coalesce(present.low_water, 0);
      INSERT INTO ${schema}.members AS m (id, incarnation, name, since, lease_until, fenced, closed, commits, last_batch,
          low_water)
        VALUES (coalesce(present.id, 0) + 1, gen_random_uuid(), p_name, clock_timestamp(),
          clock_timestamp() + p_lease_ms * interval '1 millisecond', false, false, 0, 0, low_water)
        RETURNING m.id, m.incarnation INTO member, incarnation;
      SELECT h.last_seq INTO last_seq FROM ${schema}.head h;
      SELECT coalesce(sum(t.count), 0) INTO history_size FROM ${schema}.tallies t WHERE t.slot < 16;
    END $claim$;

    CREATE FUNCTION ${schema}.renew_1(p_member bigint, p_incarnation uuid, p_lease_ms integer) RETURNS boolean
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '5s' AS $renew$
    BEGIN
      UPDATE ${schema}.members m SET
        lease_until = greatest(m.lease_until, clock_timestamp() + p_lease_ms * interval '1 millisecond')
        WHERE m.id = p_member AND m.incarnation = p_incarnation AND NOT m.fenced AND NOT m.closed;
      RETURN FOUND;
    END $renew$;

    CREATE FUNCTION ${schema}.close_1(p_member bigint, p_incarnation uuid) RETURNS boolean
    LANGUAGE plpgsql ${FUNCTION_SETTINGS} SET lock_timeout = '5s' AS $close$
    BEGIN
      UPDATE ${schema}.members m SET closed = true, lease_until = clock_timestamp()
        WHERE m.id = p_member AND m.incarnation = p_incarnation AND NOT m.fenced;
      RETURN FOUND;
    END $close$;
  `
}
