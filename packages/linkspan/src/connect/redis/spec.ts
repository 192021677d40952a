import type { ClientSpec, ConnectorSpec, OptionSpec } from '../connector.ts'

/** The client library, imported when it is first needed. */
export const redisPackage: ClientSpec = { package: '@redis/client', range: '^6.3.1' }

const reading: readonly OptionSpec[] = [
  { name: 'stream', type: 'string | string[]', summary: 'What is read.' },
  {
    name: 'from',
    type: "'earliest' | 'latest' | { time } | { after }",
    default: 'latest',
    summary: 'Where reading begins that has no place yet: an end, a time, or behind the id of an entry.',
  },
  {
    name: 'format',
    type: "Format | 'fields'",
    default: 'json()',
    summary:
      'How the field of the body is read: `json()`, `text()`, `binary()`; `fields` takes all fields as an object of texts.',
  },
  { name: 'bodyField', type: 'string', default: 'body', summary: 'The field that holds the body.' },
  { name: 'keyField', type: 'string', default: 'key', summary: 'The field that holds the key.' },
  { name: 'schema', type: 'Standard Schema', summary: 'Checks and types each body.' },
  {
    name: 'order',
    type: "'key' | 'stream' | 'none'",
    default: 'key',
    summary: 'What is run in order: entries of one key, all of a stream, or nothing.',
  },
  {
    name: 'dedupeBy',
    type: 'field name',
    default: 'stream and id',
    summary: 'A field whose value is the identity of an entry: `linkspan-mark` of `add`.',
  },
  { name: 'batch', type: '1 … 10000', default: '500', summary: 'The most entries accepted in one commit.' },
]

const consume: readonly OptionSpec[] = [
  ...reading,
  {
    name: 'group',
    type: 'string',
    summary: 'The consumer group; it is made where it is missing. Another name reads anew.',
  },
  {
    name: 'consumer',
    type: 'string',
    default: 'by host and folder',
    summary: 'This engine’s name in the group, the same after each start.',
  },
  {
    name: 'claimAfter',
    type: 'Duration',
    default: '5m',
    summary: 'What another consumer got and has not acknowledged for so long is taken over.',
  },
]

const common: readonly OptionSpec[] = [
  { name: 'name', type: 'string', summary: 'Unique within the connection.' },
  { name: 'batch', type: '1 … 10000', default: '500', summary: 'The most calls that are sent together.' },
]
const key: OptionSpec = { name: 'key', type: 'string | (input) => string', summary: 'Which key.' }
const validFor: OptionSpec = {
  name: 'validFor',
  type: 'Duration',
  default: '1h',
  summary: 'How long Redis keeps the mark of a call (`key`).',
}

const add: readonly OptionSpec[] = [
  ...common,
  { name: 'stream', type: 'string | (input) => string', summary: 'Where to.' },
  {
    name: 'guarantee',
    type: "'key' | 'verify' | 'natural' | 'none'",
    summary: 'What adding again does; see docs/connectors/redis.md.',
  },
  validFor,
  { name: 'key', type: '(input) => string | null', summary: 'Goes into the field `key`.' },
  { name: 'body', type: '(input) => body', default: 'the input', summary: 'Goes into the field `body`.' },
  { name: 'format', type: 'Format', default: 'json()', summary: 'How the body is written.' },
  {
    name: 'fields',
    type: '(input) => { name: text | bytes }',
    summary: 'Fields of your own; without `body` beside it there is no field `body`.',
  },
  {
    name: 'id',
    type: '(input) => string',
    default: 'by the server’s clock',
    summary: 'The entry’s own id, above all ids of the stream.',
  },
  {
    name: 'trim',
    type: '{ maxLength } | { maxAge }',
    default: 'keep all',
    summary: 'How much of the stream is kept; `exact: true` counts each entry.',
  },
  { name: 'create', type: 'boolean', default: 'true', summary: 'False refuses a stream that is not there.' },
]

const set: readonly OptionSpec[] = [
  ...common,
  key,
  { name: 'value', type: '(input) => value', default: 'the input', summary: 'What it is set to.' },
  { name: 'format', type: 'Format', default: 'json()', summary: 'How the value is written.' },
  { name: 'ttl', type: 'Duration', default: 'for good', summary: 'How long Redis keeps it.' },
  {
    name: 'only',
    type: "'absent' | 'present'",
    default: 'in any case',
    summary: 'Sets only a key that is not there, or only one that is. The guarantee is `key` then.',
  },
  validFor,
]

const publish: readonly OptionSpec[] = [
  ...common,
  { name: 'channel', type: 'string | (input) => string', summary: 'Where to.' },
  { name: 'guarantee', type: "'natural' | 'none'", summary: 'Whether publishing twice is harmless.' },
  { name: 'body', type: '(input) => body', default: 'the input', summary: 'What is published.' },
  { name: 'format', type: 'Format', default: 'json()', summary: 'How the body is written.' },
]

/** What the Redis connector says of itself. */
export const redisSpec: ConnectorSpec = {
  summary:
    'Streams of Redis: consumer groups and streams themselves as sources, adding entries once, keys and channels as operations.',
  stability: 'experimental',
  client: redisPackage,
  options: [
    {
      name: 'url',
      type: 'URL',
      summary:
        '`redis://host:6379/0`, or `rediss://` with TLS. It may hold the user and password, and then is a secret.',
      secret: true,
    },
    { name: 'user', type: 'string', default: 'of the url', summary: 'The user of the server’s ACL.' },
    { name: 'password', type: 'string', default: 'of the url', summary: 'Its password.', secret: true },
    { name: 'tls.ca', type: 'PEM', summary: 'The authority that signs the server’s certificate.' },
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
      summary: 'The name that the certificate must have.',
    },
    { name: 'clientName', type: 'string', default: 'linkspan', summary: 'What `CLIENT LIST` says of us.' },
    {
      name: 'connectTimeout',
      type: 'Duration',
      default: '10s',
      summary: 'How long making a connection may take, logging in included.',
    },
    {
      name: 'answerTimeout',
      type: 'Duration',
      default: '30s',
      summary: 'How long an answer is waited for; then the connection is given up, and another one made.',
    },
  ],
  sources: [
    {
      name: 'consume',
      kind: 'stream',
      summary: 'Entries of streams, as a consumer of a group, on every engine.',
      options: consume,
    },
    {
      name: 'read',
      kind: 'stream',
      summary: 'Entries of streams in their order, without a group, on one engine.',
      options: reading,
    },
  ],
  operations: [
    {
      name: 'add',
      guarantees: ['key', 'verify', 'natural', 'none'],
      summary: 'Adds an entry to a stream; many calls are sent together.',
      options: add,
    },
    {
      name: 'set',
      guarantees: ['natural', 'key'],
      summary: 'Sets a key, in any case, or only where it is absent or present.',
      options: set,
    },
    {
      name: 'get',
      guarantees: ['natural'],
      summary: 'What a key holds, or null.',
      options: [
        ...common,
        key,
        { name: 'format', type: 'Format', default: 'json()', summary: 'How the value is read.' },
      ],
    },
    {
      name: 'delete',
      guarantees: ['natural'],
      summary: 'Deletes a key; one that is not there is no error.',
      options: [...common, key],
    },
    {
      name: 'publish',
      guarantees: ['none', 'natural'],
      summary: 'Publishes to a channel, for whoever listens just then.',
      options: publish,
    },
  ],
}
