import type { ClientSpec, ConnectorSpec, OptionSpec } from '../connector.ts'

/** The client for PostgreSQL. */
export const PG: ClientSpec = { package: 'pg', range: '^8.23.0' }

/** The client for MySQL and MariaDB. */
export const MYSQL2: ClientSpec = { package: 'mysql2', range: '^3.24.0' }

const NAME: OptionSpec = { name: 'name', type: 'string', summary: 'Unique within the connection.' }
const TIMEOUT: OptionSpec = {
  name: 'timeout',
  type: 'Duration',
  default: '30s',
  summary: 'The longest time for a call.',
}

const guarantee = (type: string, fallback: string): OptionSpec => ({
  name: 'guarantee',
  type,
  default: fallback,
  summary: '`key`: a repeated call is known by its mark, which is written in the transaction of the effect.',
})

const WRITING: readonly OptionSpec[] = [
  NAME,
  { name: 'table', type: 'string', summary: 'With its schema where it has one: `sales.orders`.' },
  {
    name: 'columns',
    type: 'string[]',
    summary: 'Which fields of the input are written. Either these or `row`.',
  },
  { name: 'row', type: '(input) => row | rows', summary: 'The row, or rows, of a call.' },
  {
    name: 'batch',
    type: '1 … 10000',
    default: '500',
    summary: 'The most calls that are written by one statement.',
  },
  TIMEOUT,
]

const READING: readonly OptionSpec[] = [
  NAME,
  { name: 'statement', type: '(input) => sql`…`', summary: 'Made anew for each attempt.' },
  {
    name: 'most',
    type: 'number',
    default: '1000',
    summary: 'The most rows: they are kept with the message.',
  },
  TIMEOUT,
]

const POLLING: readonly OptionSpec[] = [
  NAME,
  { name: 'table', type: 'string', summary: 'With its schema where it has one.' },
  { name: 'columns', type: 'string[]', default: 'all', summary: 'Which columns are read.' },
  {
    name: 'where',
    type: 'sql`…`',
    summary: 'Which rows; the table is called `t`. It must not depend on what changes.',
  },
  {
    name: 'every',
    type: 'Duration',
    default: '5s',
    summary: 'From a look that found nothing more to the next.',
  },
  {
    name: 'batch',
    type: '1 … 10000',
    default: '500',
    summary: 'The most rows of a look, which are accepted in one commit.',
  },
  { name: 'schema', type: 'Standard Schema', summary: 'Checks and types each row.' },
]

/** What the SQL connector says of itself. */
export const sqlSpec: ConnectorSpec = {
  summary:
    'PostgreSQL, MySQL, MariaDB and SQLite: effects that happen once, rows in batches, and tables as sources.',
  stability: 'experimental',
  client: [PG, MYSQL2],
  options: [
    {
      name: 'url',
      type: 'URL',
      summary: 'Where the database is: `postgres://…`, `mysql://…`, `mariadb://…` or `sqlite:PATH`.',
      secret: true,
    },
    {
      name: 'driver',
      type: 'pgPool(…) | mysqlPool(…) | sqliteDatabase(…)',
      summary: 'Instead of a `url`: what the application has already. It stays open when the engine stops.',
    },
    {
      name: 'connections',
      type: '1 … 1000',
      default: '10',
      summary: 'The most open connections, of a `url` to a server.',
    },
    {
      name: 'connectTimeout',
      type: 'Duration',
      default: '10s',
      summary: 'How long making a connection may take, of a `url` to a server.',
    },
    {
      name: 'lockTimeout',
      type: 'Duration',
      default: '5s',
      summary: 'SQLite: how long others may keep the database locked until a call fails, to be tried later.',
    },
    {
      name: 'tls.rejectUnauthorized',
      type: 'boolean',
      default: 'true',
      summary: 'False accepts any certificate: for tests only. Any `tls` option, or `tls: {}`, asks for TLS.',
    },
    { name: 'tls.ca', type: 'PEM', summary: 'The authority that signs the server’s certificate.' },
    { name: 'tls.cert', type: 'PEM', summary: 'Our certificate, for mutual TLS.' },
    { name: 'tls.key', type: 'PEM', summary: 'Its key.', secret: true },
    {
      name: 'tls.serverName',
      type: 'string',
      default: 'the host',
      summary: 'The name that its certificate must have.',
    },
    {
      name: 'inbox',
      type: 'string',
      default: 'linkspan_inbox',
      summary: 'The table that remembers the marks of calls, with its schema where it has one.',
    },
    {
      name: 'createTables',
      type: 'boolean',
      default: 'true',
      summary:
        'Whether the connector makes its own tables where they are missing. `sqlTables` gives the statements for migrations.',
    },
  ],
  sources: [
    {
      name: 'rows',
      kind: 'poll',
      summary:
        'A message per row, in the order of a column that rises, each once in whatever order transactions commit.',
      options: [
        ...POLLING,
        { name: 'by', type: 'string', summary: 'The column: an identity, a sequence, an auto-increment.' },
        {
          name: 'after',
          type: 'string | number',
          default: 'from the first row',
          summary: 'Begins behind this value.',
        },
      ],
    },
    {
      name: 'changes',
      kind: 'poll',
      summary: 'A message per row that was changed, by the time of its last change.',
      options: [
        ...POLLING,
        {
          name: 'at',
          type: 'string',
          summary: 'The column of the last change: a time, or seconds or milliseconds since 1970.',
        },
        { name: 'key', type: 'string | string[]', summary: 'The columns by which a row is known.' },
        {
          name: 'overlap',
          type: 'Duration',
          default: '1m',
          summary:
            'How far before the latest time a look begins: longer than the longest transaction that writes.',
        },
      ],
    },
    {
      name: 'capture',
      kind: 'stream',
      summary:
        'PostgreSQL: a message per row that is inserted, updated or deleted, from the database’s own log (logical replication), in the order of the commits.',
      options: [
        NAME,
        { name: 'tables', type: 'string[]', summary: 'With their schemas where they have one.' },
        {
          name: 'operations',
          type: "('insert' | 'update' | 'delete' | 'truncate')[]",
          default: 'all',
          summary: 'Which changes a publication that is made here sends.',
        },
        {
          name: 'snapshot',
          type: 'boolean',
          default: 'false',
          summary: 'Whether the rows that are there come first, as `read`; by primary key.',
        },
        {
          name: 'slot',
          type: 'string',
          default: 'linkspan_NAME',
          summary: 'The replication slot, this source’s own. With another one it begins anew.',
        },
        { name: 'publication', type: 'string', default: 'the slot', summary: 'Says which tables are sent.' },
        {
          name: 'create',
          type: 'boolean',
          default: 'true',
          summary: 'Whether publication and slot are made where they are missing.',
        },
        {
          name: 'batch',
          type: '1 … 10000',
          default: '500',
          summary: 'The most changes, or rows of the snapshot, that are accepted in one commit.',
        },
        { name: 'schema', type: 'Standard Schema', summary: 'Checks and types each body.' },
      ],
    },
    {
      name: 'outbox',
      kind: 'poll',
      summary: 'A message per row that an application wrote into an outbox table in its own transaction.',
      options: [
        { name: 'name', type: 'string', default: 'the topic', summary: 'Unique within the connection.' },
        {
          name: 'topic',
          type: 'string',
          default: "''",
          summary: 'Which messages. One source takes a topic.',
        },
        { name: 'table', type: 'string', default: 'linkspan_outbox', summary: 'The table.' },
        {
          name: 'every',
          type: 'Duration',
          default: '1s',
          summary: 'From a look that found nothing more to the next.',
        },
        {
          name: 'batch',
          type: '1 … 10000',
          default: '500',
          summary: 'The most messages of a look, which are accepted in one commit.',
        },
        { name: 'schema', type: 'Standard Schema', summary: 'Checks and types each body.' },
      ],
    },
  ],
  operations: [
    {
      name: 'execute',
      summary: 'Runs a statement, or several, in one transaction; answers the rows and changes of the last.',
      guarantees: ['key', 'natural', 'none'],
      options: [
        NAME,
        {
          name: 'statement',
          type: '(input) => sql`…` | sql`…`[]',
          summary: 'Made anew for each attempt.',
        },
        guarantee(
          "{ kind: 'key', validFor } | { kind: 'natural' } | { kind: 'none' }",
          "{ kind: 'key', validFor: '14d' }",
        ),
        TIMEOUT,
      ],
    },
    {
      name: 'insert',
      summary: 'Adds rows, those of many messages by one statement.',
      guarantees: ['key', 'natural', 'none'],
      options: [
        ...WRITING,
        {
          name: 'existing',
          type: "'fail' | 'passOver'",
          default: 'fail',
          summary: 'What becomes of a row that is there already by a unique key.',
        },
        guarantee(
          "{ kind: 'key', validFor } | { kind: 'natural' } | { kind: 'none' }",
          "{ kind: 'key', validFor: '14d' }",
        ),
      ],
    },
    {
      name: 'upsert',
      summary: 'Adds rows or changes those that are there, those of many messages by one statement.',
      guarantees: ['natural', 'key'],
      options: [
        ...WRITING,
        {
          name: 'key',
          type: 'string[]',
          summary: 'The columns by which a row is known; there must be a unique index on them.',
        },
        {
          name: 'update',
          type: 'string[]',
          default: "all that are given, but the key's",
          summary: 'Which columns of a row that is there are changed.',
        },
        guarantee("{ kind: 'natural' } | { kind: 'key', validFor }", "{ kind: 'natural' }"),
      ],
    },
    { name: 'query', summary: 'Reads rows.', guarantees: ['natural'], options: READING },
    {
      name: 'find',
      summary: 'Reads the first row, or null where there is none.',
      guarantees: ['natural'],
      options: READING,
    },
  ],
}
