/**
 * The tables of format version 1.
 *
 * Append-only, apart from what lives: `messages`, `settlements`, `records`, `message_index`, in volumes by range of
 * place, so that indexes stay small and what is old is dropped by the volume. The volume `kept` holds what must outlive
 * its own. Small and changing: the rest. Texts are compared by their bytes; an index takes the beginning of a text
 * that others chose, as PostgreSQL refuses to index long ones.
 *
 * Engines that share the journal: `members`, what each owns (`partitions`), and what was handed over to it (`mail`). Who
 * owns what changes only under the row of `head`, which acceptances take as well. Counts are kept per member, so that
 * engines do not wait for each other's; those of members that are gone lie at member 0.
 */
export function tablesSql(schema: string): string {
  return `
    CREATE TABLE ${schema}.head (
      id smallint PRIMARY KEY CHECK (id = 1), application text NOT NULL, format integer NOT NULL,
      usable_from integer NOT NULL, journal uuid NOT NULL, last_seq bigint NOT NULL, partitions smallint,
      digests text[] NOT NULL DEFAULT '{}'
    ) WITH (fillfactor = 50);
    INSERT INTO ${schema}.head VALUES (1, 'linkspan', 1, 1, gen_random_uuid(), 0, NULL);
    CREATE TABLE ${schema}.members (
      id bigint PRIMARY KEY, incarnation uuid NOT NULL, name text NOT NULL, since timestamptz NOT NULL,
      lease_until timestamptz NOT NULL, fenced boolean NOT NULL, closed boolean NOT NULL, takes boolean NOT NULL,
      turn bigint NOT NULL, commits bigint NOT NULL, low_water bigint NOT NULL, flows jsonb NOT NULL,
      host text COLLATE "C" NOT NULL, process text COLLATE "C" NOT NULL, clock_ahead_ms double precision,
      last_batch bigint NOT NULL, last_first bigint, last_repeats text, last_behind integer[], last_stale integer[]
    ) WITH (fillfactor = 50);
    CREATE TABLE ${schema}.partitions (
      partition smallint PRIMARY KEY, owner bigint, recover_from bigint, died_member bigint, died_up_to bigint
    ) WITH (fillfactor = 50);
    CREATE TABLE ${schema}.mail (
      member bigint NOT NULL, flow bigint NOT NULL, handed bigint NOT NULL, PRIMARY KEY (member, flow)
    ) WITH (fillfactor = 50);
    CREATE TABLE ${schema}.volumes (lo bigint PRIMARY KEY, hi bigint NOT NULL, usable boolean NOT NULL);
    CREATE TABLE ${schema}.names (id bigint PRIMARY KEY, name text COLLATE "C" NOT NULL);

    CREATE TABLE ${schema}.messages (
      seq bigint PRIMARY KEY, accepted_at bigint NOT NULL, flow bigint NOT NULL, code_version bigint NOT NULL,
      parent_seq bigint, parent_index bigint, size integer NOT NULL, partition smallint NOT NULL,
      key text COLLATE "C", token text NOT NULL, headers text NOT NULL, parent_id text,
      parent_path text COLLATE "C", body bytea NOT NULL
    ) PARTITION BY RANGE (seq);
    CREATE INDEX messages_by_parent ON ${schema}.messages (parent_seq, parent_path, parent_index)
      WHERE parent_seq IS NOT NULL;
    CREATE TABLE ${schema}.settlements (
      seq bigint PRIMARY KEY, ended_at bigint NOT NULL, flow bigint NOT NULL, attempt integer NOT NULL,
      n integer NOT NULL, ending smallint NOT NULL, child boolean NOT NULL, reason text NOT NULL, frame bytea
    ) PARTITION BY RANGE (seq);
    CREATE INDEX settlements_for_people ON ${schema}.settlements (ending, seq) WHERE ending IN (2, 3, 4);
    CREATE TABLE ${schema}.records (
      seq bigint NOT NULL, n integer NOT NULL, frame bytea NOT NULL, PRIMARY KEY (seq, n)
    ) PARTITION BY RANGE (seq);
    CREATE TABLE ${schema}.message_index (
      seq bigint NOT NULL, field text COLLATE "C" NOT NULL, value text COLLATE "C" NOT NULL
    ) PARTITION BY RANGE (seq);
    CREATE INDEX message_index_by_value ON ${schema}.message_index (left(field, 100), left(value, 200), seq);
    CREATE INDEX message_index_by_message ON ${schema}.message_index (seq);

    CREATE TABLE ${schema}.waits (
      seq bigint PRIMARY KEY, flow bigint NOT NULL, wake_at bigint, parent bigint, accepted_at bigint NOT NULL,
      home bigint NOT NULL, made bigint, attempt integer NOT NULL, bytes integer NOT NULL, partition smallint NOT NULL,
      reason smallint NOT NULL, kin smallint NOT NULL, hold boolean NOT NULL, lane boolean NOT NULL,
      key text COLLATE "C", path text COLLATE "C"
    ) WITH (${CHURNING});
    CREATE INDEX waits_by_partition ON ${schema}.waits (flow, partition, seq) WHERE lane;
    CREATE INDEX waits_by_partition_and_time ON ${schema}.waits (flow, partition, wake_at, seq) WHERE wake_at IS NOT NULL;
    CREATE INDEX waits_by_group ON ${schema}.waits (flow, reason, kin, seq);
    CREATE INDEX waits_by_key ON ${schema}.waits (flow, left(key, 200), seq) WHERE lane AND key IS NOT NULL;
    CREATE INDEX waits_by_parent ON ${schema}.waits (parent, seq) WHERE parent IS NOT NULL;
    CREATE INDEX waits_by_time ON ${schema}.waits (flow, wake_at, seq) WHERE wake_at IS NOT NULL;
    CREATE INDEX waits_that_hold ON ${schema}.waits (flow, seq) WHERE hold;
    CREATE TABLE ${schema}.families (
      parent bigint NOT NULL, path text COLLATE "C" NOT NULL, open bigint NOT NULL, PRIMARY KEY (parent, path)
    ) WITH (${CHURNING});
    CREATE TABLE ${schema}.tallies (
      flow bigint NOT NULL, slot smallint NOT NULL, member bigint NOT NULL, count bigint NOT NULL,
      PRIMARY KEY (flow, slot, member)
    ) WITH (${CHURNING});

    CREATE TABLE ${schema}.state (
      id uuid PRIMARY KEY, scope text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, until bigint,
      value bytea NOT NULL
    ) WITH (${CHURNING});
    CREATE INDEX state_by_key ON ${schema}.state (left(scope, 100), left(key, 200));
    CREATE INDEX state_by_time ON ${schema}.state (until) WHERE until IS NOT NULL;
    CREATE TABLE ${schema}.seen (
      id uuid PRIMARY KEY, seq bigint NOT NULL, until bigint NOT NULL, scope text COLLATE "C" NOT NULL,
      key text COLLATE "C" NOT NULL, token text NOT NULL, child text
    ) WITH (${CHURNING});
    CREATE INDEX seen_by_time ON ${schema}.seen (until);
    CREATE TABLE ${schema}.cursors (name text COLLATE "C" PRIMARY KEY, value text NOT NULL) WITH (${CHURNING});

    CREATE TYPE ${schema}.facts_1 AS (
      seq bigint, home bigint, made bigint, path text, accepted_at bigint, bytes integer, partition smallint,
      waited_flow bigint, waited_reason smallint, waited_kin smallint
    );
  `
}

/** Room in each page for new versions of its rows, and cleaning up before much has gathered. */
const CHURNING =
  'fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.05'

/** The tables in volumes, in the order in which a commit takes its locks on them. */
export const VOLUME_TABLES: readonly string[] = ['records', 'settlements', 'messages', 'message_index']

/**
 * How functions run: with names that nobody can shadow, and with plans that are made once per connection, by index.
 * Without compiling them, which plans of a large cost would bring about.
 */
export const FUNCTION_SETTINGS: string =
  'SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off ' +
  'SET enable_mergejoin = off SET jit = off'
