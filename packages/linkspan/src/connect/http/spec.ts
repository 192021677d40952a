import type { ConnectorSpec, OptionSpec } from '../connector.ts'

/** What an operation may state. */
const CALL: readonly OptionSpec[] = [
  { name: 'name', type: 'string', summary: 'Unique within the connection.' },
  {
    name: 'path',
    type: 'string | (input, call) => string',
    summary: 'Below `baseUrl`, or a whole URL where there is none. The `path` tag encodes values.',
  },
  { name: 'query', type: '{ name: value } | (input, call) => …', summary: 'The parameters of the URL.' },
  {
    name: 'headers',
    type: '{ name: value } | (input, call) => …',
    summary: 'Sent with this request.',
  },
  {
    name: 'body',
    type: '(input, call) => unknown',
    default: 'the input',
    summary: 'What is sent by POST, PUT and PATCH.',
  },
  {
    name: 'bodyAs',
    type: "'json' | 'form' | 'text' | 'binary'",
    default: 'json',
    summary: 'How it is written.',
  },
  { name: 'input', type: 'Standard Schema', summary: 'Checks the input before anything is sent.' },
  {
    name: 'response',
    type: "'json' | 'text' | 'none' | Standard Schema | (reply) => …",
    default: 'as the reply says',
    summary: 'How the reply becomes the result.',
  },
  {
    name: 'statuses',
    type: "{ 404: 'ok' | 'rejected' | 'refused' | 'unknown' | 'unauthenticated' }",
    summary: 'What some statuses mean, where the service has its own way.',
  },
  {
    name: 'redirects',
    type: 'number',
    default: '0',
    summary: 'How many redirects of a GET or HEAD are followed, on the same host.',
  },
  {
    name: 'guarantee',
    type: "{ kind: 'natural' | 'key' | 'verify' | 'none', … }",
    summary:
      'What sending it again does. `key` has `validFor`, `header`, `quoted`; `verify` has `settleAfter` and the request that asks.',
  },
  {
    name: 'timeout',
    type: 'Duration',
    default: '30s',
    summary: "The call's time limit where the step states none.",
  },
]

/** What a GET may state beside. */
const READ: readonly OptionSpec[] = [
  ...CALL,
  {
    name: 'conditional',
    type: 'boolean',
    default: 'false',
    summary: 'Asks whether the last reply still holds, and uses it where the service answers 304.',
  },
  {
    name: 'coalesce',
    type: 'boolean',
    default: 'false',
    summary: 'Joins a same request that is under way, instead of making another.',
  },
]

/** What a poll may state. */
const POLL: readonly OptionSpec[] = [
  { name: 'name', type: 'string', summary: 'Readable, unique within the connection.' },
  { name: 'path', type: 'string', summary: 'Of the list, below `baseUrl`.' },
  { name: 'query', type: '{ name: value }', summary: 'Parameters of each request.' },
  { name: 'headers', type: '{ name: value }', summary: 'Sent with each request.' },
  {
    name: 'every',
    type: 'Duration',
    default: '1m',
    summary: 'From one look that found nothing more to the next.',
  },
  {
    name: 'items',
    type: '(body) => items',
    default: 'the body',
    summary: 'Where the items are in the JSON of a reply.',
  },
  {
    name: 'pages',
    type: 'onePage | pageNumber(…) | offset(…) | cursorIn(…) | continuationToken(…) | linkHeader() | deltaLinks()',
    default: 'onePage',
    summary: 'How the service hands out its list.',
  },
  {
    name: 'since',
    type: '{ param, of, first, overlap }',
    summary: 'Asks for what was changed from the highest mark on that was seen.',
  },
  {
    name: 'identity',
    type: '(item) => string',
    summary: 'What tells an item from all others: one that came already is then not accepted again.',
  },
  { name: 'schema', type: 'Standard Schema', summary: 'Checks and types each item.' },
  { name: 'timeout', type: 'Duration', default: '30s', summary: 'The longest time for one page.' },
]
/** What the HTTP connector says of itself. */
export const httpSpec: ConnectorSpec = {
  summary:
    'Calls of any HTTP service, with pooled connections, time limits and an honest account of each failure.',
  stability: 'stable',
  options: [
    {
      name: 'baseUrl',
      type: 'URL',
      summary:
        'Where paths start. Other hosts are then refused. Without it each path must be a whole URL, to any host.',
    },
    {
      name: 'headers',
      type: '{ name: value }',
      default: '{}',
      summary: 'Sent with each request.',
      secret: true,
    },
    {
      name: 'auth',
      type: 'bearer(…) | basic(…) | apiKey(…) | oauth(…)',
      summary: 'Sent with each request to the host of `baseUrl`, and to no other.',
      secret: true,
    },
    {
      name: 'timeout',
      type: 'Duration',
      default: "the call's time limit",
      summary: 'The longest silence: until the head of the reply, and between two pieces of its body.',
    },
    {
      name: 'connectTimeout',
      type: 'Duration',
      default: '10s',
      summary: 'How long making a connection may take.',
    },
    {
      name: 'connections',
      type: '1 … 10000',
      default: '64',
      summary: 'The most open connections to one host.',
    },
    {
      name: 'keepAlive',
      type: 'Duration',
      default: '4s',
      summary: "How long an unused connection is kept; a server's shorter `Keep-Alive` hint is respected.",
    },
    {
      name: 'replyLimit',
      type: 'bytes',
      default: '10485760',
      summary: 'The most bytes of the body of a reply.',
    },
    {
      name: 'tls.rejectUnauthorized',
      type: 'boolean',
      default: 'true',
      summary: 'False accepts any certificate: for tests only.',
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
  ],
  sources: [
    {
      name: 'poll',
      kind: 'poll',
      summary:
        'Asks a list for what is new, page after page; each page and its place in the list are one commit.',
      options: POLL,
    },
  ],
  operations: [
    ...(['get', 'head', 'put', 'delete'] as const).map((name) => ({
      name,
      summary: `Sends a ${name.toUpperCase()}; \`natural\` where the author states nothing else.`,
      guarantees: ['natural', 'key', 'verify', 'none'] as const,
      options: name === 'get' ? READ : CALL,
    })),
    ...(['post', 'patch'] as const).map((name) => ({
      name,
      summary: `Sends a ${name.toUpperCase()}; the author states its guarantee.`,
      guarantees: ['key', 'verify', 'natural', 'none'] as const,
      options: CALL,
    })),
  ],
}
