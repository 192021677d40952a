import type { ClientSpec, ConnectorSpec, OptionSpec } from '../connector.ts'

/** The client library: imported when it is first needed. */
export const packages: Readonly<Record<'amqp', ClientSpec>> = {
  amqp: { package: 'amqplib', range: '^2.3.1' },
}

const consume: readonly OptionSpec[] = [
  {
    name: 'queue',
    type: 'string | string[]',
    summary: 'What is read. It must exist, or be in the topology.',
  },
  {
    name: 'prefetch',
    type: '1 … 65535',
    default: '500',
    summary: 'The most messages of a queue that are with us and not acknowledged.',
  },
  { name: 'batch', type: '1 … 10000', default: '200', summary: 'The most messages accepted in one commit.' },
  {
    name: 'order',
    type: "'none' | 'queue' | 'routingKey' | { header }",
    default: 'none',
    summary:
      'What is run in order: nothing, all of a queue, or messages with the same routing key or the same value of a header.',
  },
  {
    name: 'dedupeBy',
    type: 'header name',
    default: 'the message id',
    summary: 'A header whose value is the identity of a message.',
  },
  {
    name: 'format',
    type: 'Format',
    default: 'json()',
    summary: 'How bodies are read: `json()`, `text()`, `binary()`, or one of your own.',
  },
  { name: 'schema', type: 'Standard Schema', summary: 'Checks and types each body.' },
  {
    name: 'unreadable',
    type: "'deadLetter' | 'handIn' | 'reject'",
    default: 'deadLetter',
    summary:
      'What becomes of a message that cannot be read: a dead letter, a body of its own for the flow, or left to the queue’s own dead-letter exchange.',
  },
  {
    name: 'priority',
    type: 'number',
    default: '0',
    summary: 'Consumers of a higher priority get messages first.',
  },
  {
    name: 'exclusive',
    type: 'boolean',
    default: 'false',
    summary: 'Nobody else may read from the queue meanwhile.',
  },
]

const send: readonly OptionSpec[] = [
  { name: 'name', type: 'string', summary: 'Unique within the connection.' },
  {
    name: 'guarantee',
    type: "'natural' | 'none'",
    summary: 'What publishing again does; see docs/connectors/rabbitmq.md.',
  },
  {
    name: 'exchange',
    type: 'string | (input) => string',
    default: 'the default exchange',
    summary: 'Where to. It must exist, or be in the topology.',
  },
  {
    name: 'routingKey',
    type: 'string | (input) => string',
    default: 'empty',
    summary: 'For the default exchange it is the name of a queue.',
  },
]

const publish: readonly OptionSpec[] = [
  ...send,
  { name: 'value', type: '(input) => value', default: 'the input', summary: 'What is written.' },
  {
    name: 'headers',
    type: '(input) => { name: value }',
    summary: 'Beside those that Linkspan sends: `linkspan-mark` and `traceparent`.',
  },
  {
    name: 'messageId',
    type: '(input) => string',
    default: 'the call’s mark',
    summary: 'By which consumers know the message; the mark is the same for each repetition.',
  },
  { name: 'correlationId', type: '(input) => string', summary: 'Property of the message.' },
  { name: 'replyTo', type: '(input) => string', summary: 'Property of the message.' },
  { name: 'type', type: '(input) => string', summary: 'Property of the message.' },
  { name: 'priority', type: '(input) => 0 … 255', summary: 'For queues with `x-max-priority`.' },
  {
    name: 'expiration',
    type: 'Duration | (input) => Duration',
    summary: 'How long it may wait in a queue; then it expires.',
  },
  {
    name: 'delay',
    type: 'Duration',
    summary:
      'How long it is held back before it goes to its exchange, by a queue made for that. No plugin is needed.',
  },
  {
    name: 'mandatory',
    type: 'boolean',
    default: 'true',
    summary: 'Whether a message that no queue takes is an error.',
  },
  {
    name: 'persistent',
    type: 'boolean',
    default: 'true',
    summary: 'Whether it outlives a restart of the broker.',
  },
  { name: 'format', type: 'Format', default: 'json()', summary: 'How values are written.' },
  {
    name: 'batch',
    type: '1 … 10000',
    default: '500',
    summary: 'The most messages whose answers are awaited together.',
  },
  { name: 'timeout', type: 'Duration', default: '1m', summary: 'The longest time for a call.' },
]

/** What the RabbitMQ connector says of itself. */
export const rabbitmqSpec: ConnectorSpec = {
  summary:
    'Queues of RabbitMQ as sources, publish with confirms as an operation, with the exchanges and queues that they need (AMQP 0-9-1).',
  stability: 'experimental',
  client: packages.amqp,
  options: [
    {
      name: 'url',
      type: 'amqp[s]://host:port/vhost, or a list',
      summary: 'Where the brokers are; they are tried in this order. It may hold user and password.',
      secret: true,
    },
    { name: 'user', type: 'string', default: 'that of the url, or guest', summary: 'As whom we come.' },
    {
      name: 'password',
      type: 'string',
      default: 'that of the url, or guest',
      summary: 'The user’s password.',
      secret: true,
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
      name: 'heartbeat',
      type: 'Duration',
      default: '10s',
      summary: 'A broker that says nothing for two of them is taken for lost.',
    },
    {
      name: 'connectTimeout',
      type: 'Duration',
      default: '10s',
      summary: 'How long making a connection may take, for each address.',
    },
    {
      name: 'confirmTimeout',
      type: 'Duration',
      default: '30s',
      summary: 'How long the broker’s answers to published messages are waited for.',
    },
    {
      name: 'connectionName',
      type: 'string',
      default: 'linkspan',
      summary: 'What the broker shows of us.',
    },
  ],
  sources: [
    {
      name: 'consume',
      kind: 'stream',
      summary: 'Messages of queues, on every engine.',
      options: consume,
    },
  ],
  operations: [
    {
      name: 'publish',
      guarantees: ['natural', 'none'],
      summary:
        'Publishes a message, and waits until the broker has it for good; many calls are answered together.',
      options: publish,
    },
    {
      name: 'deadLetters',
      guarantees: ['natural', 'none'],
      summary:
        'Publishes a message that could not be read to another queue, its body byte by byte as it was.',
      options: send,
    },
  ],
}
