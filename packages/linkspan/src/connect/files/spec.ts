import type { ConnectorSpec, OptionSpec } from '../connector.ts'

/** The options of `ndjson`, `csv`, `lines` and `whole`. */
const READING: readonly OptionSpec[] = [
  {
    name: 'match',
    type: 'string | RegExp',
    default: '*',
    summary:
      'Which files, by name: `*` and `?` in a text, or an expression. Names that start with a dot only where it says so.',
  },
  {
    name: 'order',
    type: "'name' | 'modified'",
    default: 'name',
    summary: 'In which order files are read.',
  },
  {
    name: 'after',
    type: "'keep' | 'move' | 'delete'",
    default: 'keep',
    summary: 'What becomes of a file that was read to its end and has been quiet.',
  },
  {
    name: 'moveTo',
    type: 'string',
    default: 'done',
    summary: 'Where `move` puts it: a folder inside the connection’s.',
  },
  { name: 'every', type: 'Duration', default: '1s', summary: 'How often the folder is looked at.' },
  {
    name: 'quiet',
    type: 'Duration',
    default: '5s',
    summary:
      'How long a file must not change until its end is the end: for a last line without a line break, for `after`, and for whole files.',
  },
  {
    name: 'recordLimit',
    type: 'bytes',
    default: '1048576',
    summary: 'The most bytes of a record or whole file; a larger one is malformed.',
  },
  {
    name: 'batch',
    type: '1 … 10000',
    default: '500',
    summary: 'The most records that are accepted in one commit; a mebibyte of them is the most too.',
  },
  {
    name: 'schema',
    type: 'Standard Schema',
    summary: 'Checks and types each record; one that does not fit is malformed.',
  },
  {
    name: 'header',
    type: 'true | false | string[]',
    default: 'true',
    summary:
      '`csv`: the first record names the columns; there are no names and records are lists; or these are the names.',
  },
  { name: 'delimiter', type: 'one character', default: ',', summary: '`csv`: between fields.' },
  {
    name: 'quote',
    type: 'one character',
    default: '"',
    summary: '`csv`: around fields; doubled inside them.',
  },
  { name: 'as', type: "'text' | 'base64'", default: 'text', summary: '`whole`: how the content is given.' },
]

/** What the files connector says of itself. */
export const filesSpec: ConnectorSpec = {
  summary: 'A folder: records or whole files come in from it, lines are appended and files written to it.',
  stability: 'stable',
  options: [
    {
      name: 'path',
      type: 'string',
      summary: "The folder; relative paths start at the project's. Nothing outside it is touched.",
    },
    {
      name: 'create',
      type: 'boolean',
      default: 'true',
      summary: 'Whether it is made where it does not exist.',
    },
  ],
  sources: [
    { name: 'ndjson', kind: 'stream', summary: 'A message per line of JSON.', options: READING },
    { name: 'csv', kind: 'stream', summary: 'A message per record of CSV (RFC 4180).', options: READING },
    { name: 'lines', kind: 'stream', summary: 'A message per line of text.', options: READING },
    { name: 'whole', kind: 'stream', summary: 'A message per file, once it is quiet.', options: READING },
  ],
  operations: [
    {
      name: 'append',
      summary: 'Adds a line at the end of a file, synced.',
      guarantees: ['verify', 'none'],
      options: [
        { name: 'name', type: 'string', summary: 'Unique within the connection.' },
        {
          name: 'file',
          type: 'string | (input, call) => string',
          summary: 'Inside the folder; folders on the way are made.',
        },
        {
          name: 'line',
          type: '(input, call) => string',
          default: 'the input as JSON',
          summary: 'The line, without its line break; with `verify` the default carries the mark as `_mark`.',
        },
        {
          name: 'guarantee',
          type: "{ kind: 'verify', settleAfter } | { kind: 'none' }",
          summary: '`verify`: the line carries the mark of its call and is looked for.',
        },
      ],
    },
    {
      name: 'write',
      summary: 'Writes a whole file, atomically and synced.',
      guarantees: ['natural'],
      options: [
        { name: 'name', type: 'string', summary: 'Unique within the connection.' },
        {
          name: 'file',
          type: 'string | (input) => string',
          summary: 'Inside the folder; folders on the way are made.',
        },
        {
          name: 'content',
          type: '(input) => string | bytes',
          default: 'the input as JSON',
          summary: 'What it holds.',
        },
      ],
    },
  ],
}
