import type { ClientSpec, ConnectorSpec, OptionSpec } from '../connector.ts'

/** The client library, and those that read schemas: each is imported when it is first needed. */
export const packages: Readonly<Record<'kafka' | 'avro' | 'protobuf' | 'jsonSchema', ClientSpec>> = {
  kafka: { package: '@platformatic/kafka', range: '^2.12.1' },
  avro: { package: 'avsc', range: '^5.7.9' },
  protobuf: { package: 'protobufjs', range: '^8.0.0' },
  jsonSchema: { package: 'ajv', range: '^8.17.1' },
}

const consume: readonly OptionSpec[] = [
  { name: 'topic', type: 'string | string[]', summary: 'What is read.' },
  {
    name: 'group',
    type: 'string',
    summary: 'The consumer group, which keeps the place. Another name is another place, and reads anew.',
  },
  {
    name: 'from',
    type: "'earliest' | 'latest' | { time }",
    default: 'latest',
    summary:
      'Where a group begins that has no place yet. `time` is an ISO text, a `Date` or milliseconds since 1970.',
  },
  {
    name: 'until',
    type: 'time',
    summary: 'Records of this time and later are left out: for reading a stretch again.',
  },
  {
    name: 'format',
    type: 'KafkaFormat',
    default: 'json()',
    summary: 'How values are read: `json()`, `text()`, `binary()`, `avro()`, `protobuf()`, `jsonSchema()`.',
  },
  { name: 'keyFormat', type: 'KafkaFormat', default: 'text()', summary: 'How keys are read.' },
  { name: 'schema', type: 'Standard Schema', summary: 'Checks and types each body.' },
  {
    name: 'order',
    type: "'key' | 'partition' | 'none'",
    default: 'key',
    summary: 'What is run in order: records of one key, all of a partition, or nothing.',
  },
  {
    name: 'dedupeBy',
    type: 'header name',
    default: 'the position',
    summary:
      'A header whose value is the identity of a record, where it has one: `linkspan-mark` of `produce`.',
  },
  {
    name: 'unreadable',
    type: "'deadLetter' | 'handIn'",
    default: 'deadLetter',
    summary:
      'What becomes of a record that cannot be read: a dead letter, or a body of its own for the flow.',
  },
  { name: 'batch', type: '1 … 10000', default: '500', summary: 'The most records accepted in one commit.' },
  {
    name: 'protocol',
    type: "'classic' | 'consumer'",
    default: 'classic',
    summary: 'How the group is divided: `consumer` (KIP-848, brokers from 4.0) moves single partitions.',
  },
  {
    name: 'isolation',
    type: "'committed' | 'uncommitted'",
    default: 'committed',
    summary: 'Whether records of transactions that are open or were aborted are read too.',
  },
  {
    name: 'sessionTimeout',
    type: 'Duration',
    default: '45s',
    summary: 'How long the group waits for a member that says nothing (`classic`).',
  },
  {
    name: 'minInSync',
    type: 'number',
    default: '2',
    summary: "The least `min.insync.replicas` of its topics, where the flow states `durability: 'source'`.",
  },
]

const send: readonly OptionSpec[] = [
  { name: 'name', type: 'string', summary: 'Unique within the connection.' },
  { name: 'topic', type: 'string | (input) => string', summary: 'Where to. It must exist.' },
  {
    name: 'guarantee',
    type: "'none' | 'verify' | 'natural'",
    summary: 'What sending again does; see docs/connectors/kafka.md.',
  },
]

const produce: readonly OptionSpec[] = [
  ...send,
  { name: 'key', type: '(input) => key | null', summary: 'Records of one key come to one partition.' },
  {
    name: 'value',
    type: '(input) => value | null',
    default: 'the input',
    summary: 'What is written; null is a tombstone.',
  },
  { name: 'headers', type: '(input) => { name: text }', summary: 'Beside those that Linkspan sends.' },
  {
    name: 'partition',
    type: 'number | (input) => number',
    default: 'by key',
    summary: 'One that the topic does not have is refused.',
  },
  {
    name: 'timestamp',
    type: '(input) => number',
    default: 'now',
    summary: 'In milliseconds since 1970.',
  },
  { name: 'format', type: 'KafkaFormat', default: 'json()', summary: 'How values are written.' },
  { name: 'keyFormat', type: 'KafkaFormat', default: 'text()', summary: 'How keys are written.' },
  {
    name: 'compression',
    type: "'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'",
    default: 'none',
    summary: 'Of all records of a request.',
  },
  { name: 'batch', type: '1 … 10000', default: '500', summary: 'The most records in one request.' },
]

/** What the Kafka connector says of itself. */
export const kafkaSpec: ConnectorSpec = {
  summary:
    'Topics of Apache Kafka: consumer groups as sources, produce as an operation, with a schema registry where there is one.',
  stability: 'experimental',
  client: packages.kafka,
  options: [
    { name: 'brokers', type: 'host:port, …', summary: 'Where to ask first; one of them is enough.' },
    { name: 'clientId', type: 'string', default: 'linkspan', summary: 'What the brokers log of us.' },
    {
      name: 'sasl',
      type: '{ mechanism, user, password } | { mechanism, token }',
      summary:
        '`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512` with user and password, or `OAUTHBEARER` with a token or a function that answers one.',
      secret: true,
    },
    {
      name: 'tls',
      type: 'true | { … }',
      default: 'false',
      summary: 'True, or what is said of it below.',
    },
    { name: 'tls.ca', type: 'PEM', summary: 'The authority that signs the brokers’ certificates.' },
    { name: 'tls.cert', type: 'PEM', summary: 'Our certificate, for mutual TLS.' },
    { name: 'tls.key', type: 'PEM', summary: 'Its key.', secret: true },
    {
      name: 'tls.rejectUnauthorized',
      type: 'boolean',
      default: 'true',
      summary: 'False accepts any certificate: for tests only.',
    },
    {
      name: 'tls.serverName',
      type: 'string',
      default: 'the host',
      summary: 'The name that the certificates must have.',
    },
    {
      name: 'connectTimeout',
      type: 'Duration',
      default: '10s',
      summary: 'How long making a connection may take.',
    },
    {
      name: 'deliveryTimeout',
      type: 'Duration',
      default: '1m',
      summary:
        'How long a request is sent again, or its answer waited for. Within it the brokers recognise what is sent again.',
    },
    {
      name: 'batchBytes',
      type: 'bytes',
      default: '900000',
      summary:
        'The most bytes of a request for one partition; at most `max.message.bytes` of the topics, which is 1048588 by default.',
    },
    {
      name: 'registry.url',
      type: 'URL',
      summary: 'A schema registry with Confluent’s interface.',
    },
    { name: 'registry.user', type: 'string', summary: 'For basic authentication.' },
    { name: 'registry.password', type: 'string', summary: 'Its password.', secret: true },
    { name: 'registry.token', type: 'string', summary: 'A bearer token instead.', secret: true },
    { name: 'registry.ca', type: 'PEM', summary: 'The authority that signs its certificate.' },
  ],
  sources: [
    {
      name: 'consume',
      kind: 'stream',
      summary: 'Records of topics, as a member of a consumer group, on every engine.',
      options: consume,
    },
  ],
  operations: [
    {
      name: 'produce',
      guarantees: ['none', 'verify', 'natural'],
      summary: 'Writes a record, on all replicas in sync; many calls share a request.',
      options: produce,
    },
    {
      name: 'deadLetters',
      guarantees: ['none', 'verify', 'natural'],
      summary: 'Writes a record that could not be read to another topic, byte by byte as it was.',
      options: send,
    },
  ],
}
