import { REFUSALS } from './commit-parameters.ts'

/** What is answered is on the disk, also where the server is set to forget. */
export const DURABLY = `IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
      END IF;`

/** What was handed over to a member and is not known to it, as JSON: number of the flow's name, highest place. */
export const mailSql = (schema: string): string => `(
        SELECT json_agg(json_build_array(b.flow, b.handed))::text FROM ${schema}.mail b
        WHERE b.member = p_member AND b.handed > p_mail)`

/**
 * What every write of a member begins with: its row, held to the end, so that it is fenced between its transactions and
 * never within one; `me` is that row. It is refused where others took over.
 */
export const takeMemberSql = (schema: string): string => `${DURABLY}
      SELECT * INTO me FROM ${schema}.members m
        WHERE m.id = p_member AND m.incarnation = p_incarnation FOR NO KEY UPDATE;
      IF me.id IS NULL OR me.fenced OR me.closed THEN
        RAISE EXCEPTION 'others took over from this engine' USING ERRCODE = '${REFUSALS.fenced}';
      END IF;`

/** What the clock of the database shows now, milliseconds since 1970. */
export const NOW_MS: string = '(extract(epoch FROM clock_timestamp()) * 1000)::double precision'

/** The lease runs anew from now on, by the clock of the database. */
export const RENEWED: string =
  "lease_until = greatest(m.lease_until, clock_timestamp() + p_lease_ms * interval '1 millisecond')"
