import type { ClientSpec, ConnectorSpec, OptionSpec } from '../connector.ts'

/** The client library, imported when it is first needed. */
export const rhea: ClientSpec = { package: 'rhea', range: '^3.0.5' }

const consume: readonly OptionSpec[] = [
  { name: 'queue', type: 'string', summary: 'What is read: a queue …' },
  { name: 'topic', type: 'string', summary: '… or a topic.' },
  {
    name: 'subscription',
    type: 'string',
    summary: 'Of a topic: a durable subscription, which keeps what comes while nobody reads.',
  },
  {
    name: 'shared',
    type: 'boolean',
    default: 'false',
    summary:
      'Whether several engines share the subscription (Artemis; on Classic read the queue of a virtual topic).',
  },
  {
    name: 'selector',
    type: 'string',
    summary: "Only messages for which it is true: `region = 'eu' AND total > 10`.",
  },
  {
    name: 'format',
    type: 'Format',
    default: 'json()',
    summary: 'How bodies are read: `json()`, `text()`, `binary()`.',
  },
  { name: 'schema', type: 'Standard Schema', summary: 'Checks and types each body.' },
  {
    name: 'order',
    type: "'group' | 'all' | 'none'",
    default: 'group',
    summary: 'What is run in order: messages of one message group, all, or nothing.',
  },
  {
    name: 'dedupeBy',
    type: 'property name | false',
    default: 'the message id',
    summary: 'An application property that is the identity of a message; false where ids are used twice.',
  },
  {
    name: 'unreadable',
    type: "'deadLetter' | 'reject'",
    default: 'deadLetter',
    summary: "What becomes of a message that cannot be read: a dead letter of ours, or of the broker's.",
  },
  {
    name: 'prefetch',
    type: '1 … 2000',
    default: '200',
    summary: 'The most messages that the broker gives us ahead (credit).',
  },
  { name: 'batch', type: '1 … 2000', default: '100', summary: 'The most messages accepted in one commit.' },
]

const send: readonly OptionSpec[] = [
  { name: 'name', type: 'string', summary: 'Unique within the connection.' },
  { name: 'queue', type: 'string | (input) => string', summary: 'Where to: a queue …' },
  { name: 'topic', type: 'string | (input) => string', summary: '… a topic …' },
  {
    name: 'address',
    type: 'string | (input) => string',
    summary: '… or what the broker has by this name: the `amqp-reply-to` of a message.',
  },
  {
    name: 'guarantee',
    type: "'key' | 'natural' | 'none'",
    summary: 'What sending again does; see docs/connectors/amqp.md.',
  },
  {
    name: 'remembers',
    type: 'Duration',
    default: '10m',
    summary: 'For `key`: how long the broker is sure to know an id, by its cache and your traffic.',
  },
  { name: 'body', type: '(input) => value', default: 'the input', summary: 'What is sent.' },
  { name: 'format', type: 'Format', default: 'json()', summary: 'How it is written.' },
  {
    name: 'group',
    type: '(input) => string | null',
    summary: 'The message group: those of one group go to one consumer, in their order.',
  },
  {
    name: 'properties',
    type: '(input) => { name: value }',
    summary: 'Application properties, which selectors see.',
  },
  { name: 'subject', type: '(input) => string | null', summary: 'The type of the message (JMSType).' },
  { name: 'priority', type: '0 … 9 | (input) => number', default: '4', summary: 'Higher ones come first.' },
  {
    name: 'expiresAfter',
    type: 'Duration | (input) => Duration | null',
    summary: 'After it the broker takes the message away.',
  },
  {
    name: 'delay',
    type: 'Duration | (input) => Duration | null',
    summary: 'The broker keeps the message back for so long.',
  },
  {
    name: 'persistent',
    type: 'boolean',
    default: 'true',
    summary: 'Whether the message outlives the broker.',
  },
]

const correlation: readonly OptionSpec[] = [
  { name: 'correlationId', type: '(input) => string | null', summary: 'What it answers.' },
  { name: 'replyTo', type: 'string | (input) => string | null', summary: 'Where an answer is to go.' },
]

const reply: readonly OptionSpec[] = [
  {
    name: 'replyQueue',
    type: 'string',
    default: 'a temporary queue',
    summary: 'A queue that is there, from which only the reply of the call is taken.',
  },
  {
    name: 'replyFormat',
    type: 'Format',
    default: 'json()',
    summary: 'How the reply is read.',
  },
]

/** What the AMQP connector says of itself. */
export const amqpSpec: ConnectorSpec = {
  summary: 'Queues and topics of ActiveMQ Classic and Artemis by AMQP 1.0: sources, send, request and reply.',
  stability: 'experimental',
  client: rhea,
  options: [
    {
      name: 'url',
      type: 'amqp://host:port, …',
      summary: 'Where the broker is (`amqps://` for TLS); several are tried in their order.',
    },
    {
      name: 'user',
      type: 'string',
      summary: 'Who we are; without it we are nobody (or the certificate says it).',
    },
    { name: 'password', type: 'string', summary: 'Its password.', secret: true },
    {
      name: 'clientId',
      type: 'string',
      default: 'linkspan',
      summary: 'Names us to the broker; durable subscriptions belong to it.',
    },
    { name: 'tls.ca', type: 'PEM', summary: 'The authority that signs the broker’s certificate.' },
    { name: 'tls.cert', type: 'PEM', summary: 'Our certificate, for mutual TLS.' },
    { name: 'tls.key', type: 'PEM', summary: 'Its key.', secret: true },
    {
      name: 'tls.serverName',
      type: 'string',
      default: 'the host',
      summary: 'The name that the certificate must have.',
    },
    {
      name: 'tls.rejectUnauthorized',
      type: 'boolean',
      default: 'true',
      summary: 'False accepts any certificate: for tests only.',
    },
    {
      name: 'connectTimeout',
      type: 'Duration',
      default: '10s',
      summary: 'How long making a connection may take.',
    },
    {
      name: 'heartbeat',
      type: 'Duration',
      default: '30s',
      summary: 'A broker that says nothing for twice as long is taken to be gone.',
    },
  ],
  sources: [
    {
      name: 'consume',
      kind: 'stream',
      summary: 'Messages of a queue, on every engine, or of a topic.',
      options: consume,
    },
  ],
  operations: [
    {
      name: 'send',
      guarantees: ['key', 'natural', 'none'],
      summary: 'Sends a message to a queue or topic; done when the broker has it for good.',
      options: [...send, ...correlation],
    },
    {
      name: 'request',
      guarantees: ['key', 'natural', 'none'],
      summary: 'Sends a message and waits for its reply.',
      options: [...send, ...reply],
    },
  ],
}
