import { join } from 'node:path'
import { root } from './lib/files.ts'
import { checkWalls, type Room, type Walls } from './lib/walls-check.ts'

const IO_MODULES = [
  'node:child_process',
  'node:cluster',
  'node:dgram',
  'node:dns',
  'node:fs',
  'node:http',
  'node:http2',
  'node:https',
  'node:net',
  'node:sqlite',
  'node:tls',
  'node:worker_threads',
  'undici',
] as const

const TIMER_MODULES = ['node:timers', 'node:perf_hooks'] as const

const HAND_IN = 'take it from the Outside that the caller hands in (model/outside.ts)'

/**
 * The rooms of `packages/linkspan/src`. The first room whose `files` match owns a file.
 * In `mayImport`, `types of X` allows only what the compiler erases; a room may always import itself.
 * `<name>` stands for one folder: another folder's files of the same room are behind a wall.
 */
const rooms: readonly Room[] = [
  {
    name: 'model',
    files: ['model/**'],
    mayImport: [],
    mayNotLoad: [...IO_MODULES, ...TIMER_MODULES],
    instead: 'move what both need into model, or hand it in as a value',
  },
  {
    name: 'patterns',
    files: ['patterns/**'],
    mayImport: ['model/**', 'types of connect/connector.ts'],
    mayNotLoad: [...IO_MODULES, ...TIMER_MODULES],
    instead: 'a pattern speaks to the engine through the interfaces in patterns/pattern.ts',
  },
  {
    name: 'catalogue',
    files: ['catalogue/**'],
    mayImport: ['patterns/**'],
    mayNotLoad: [...IO_MODULES, ...TIMER_MODULES],
    instead: 'the catalogue is data about the patterns; whoever prints it reads the pages',
  },
  {
    name: 'flow',
    files: ['flow/**'],
    mayImport: ['model/**', 'patterns/**', 'connect/connector.ts'],
    mayNotLoad: [...IO_MODULES, ...TIMER_MODULES],
    instead: 'a flow is data: refer to connectors by their declarations in connect/connector.ts',
  },
  {
    name: 'runtime',
    files: ['runtime/**'],
    mayImport: [
      'model/**',
      'patterns/**',
      'journal/journal.ts',
      'journal/envelope.ts',
      'connect/connector.ts',
    ],
    mayNotLoad: [...IO_MODULES, ...TIMER_MODULES],
    instead: 'the runtime knows only the interfaces journal/journal.ts and connect/connector.ts: widen those',
  },
  {
    name: 'the journal interface',
    files: [
      'journal/journal.ts',
      'journal/environment.ts',
      'journal/ownership.ts',
      'journal/rows.ts',
      'journal/transfer.ts',
    ],
    mayImport: ['model/**'],
    mayNotLoad: [...TIMER_MODULES],
    instead: 'keep the interface free of implementations; put shared words into model',
  },
  {
    name: 'the journal door',
    files: ['journal/index.ts'],
    mayImport: ['journal/**', 'model/**'],
    mayNotLoad: [],
    instead: 'export only journals from here',
  },
  {
    name: 'journal helpers',
    files: ['journal/*.ts'],
    mayImport: ['journal/journal.ts', 'model/**'],
    mayNotLoad: [...TIMER_MODULES],
    optional: true,
    instead: 'what one journal needs belongs into its folder',
  },
  {
    name: 'journal/<name>',
    files: ['journal/<name>/**'],
    mayImport: ['journal/*.ts', 'model/**'],
    mayNotLoad: [...TIMER_MODULES],
    instead: 'a journal knows its interface only; share through a helper file directly in journal/',
  },
  {
    name: 'the connector interface',
    files: ['connect/connector.ts'],
    mayImport: ['model/**'],
    mayNotLoad: [],
    instead: 'keep the interface free of systems; put shared words into model',
  },
  {
    name: 'connector helpers',
    files: ['connect/*.ts'],
    mayImport: ['connect/connector.ts', 'model/**'],
    mayNotLoad: ['undici'],
    instead: 'what one system needs belongs into its folder',
  },
  {
    name: 'connect/http',
    files: ['connect/http/**'],
    mayImport: ['connect/*.ts', 'model/**'],
    mayNotLoad: [],
    instead: 'a connector knows its interface only; share through a helper file directly in connect/',
  },
  {
    name: 'connect/<system over HTTP>',
    files: ['connect/azure-devops/**'],
    mayImport: ['connect/*.ts', 'connect/http/*.ts', 'model/**'],
    mayNotLoad: ['undici'],
    instead:
      'a connector of a service with a REST API makes its requests by connect/http, and knows no other system',
  },
  {
    name: 'connect/<system>',
    files: ['connect/<system>/**'],
    mayImport: ['connect/*.ts', 'model/**'],
    mayNotLoad: ['undici'],
    instead: 'a connector knows its interface only; share through a helper file directly in connect/',
  },
  {
    name: 'observe',
    files: ['observe/**'],
    mayImport: ['model/**', 'types of runtime/**'],
    mayNotLoad: ['undici'],
    instead: 'observe is told what happens; it takes types of the runtime and calls nothing in it',
  },
  {
    name: 'serve',
    files: ['serve/**'],
    mayImport: ['model/**', 'flow/**', 'runtime/**', 'connect/connector.ts', 'observe/**'],
    mayNotLoad: ['undici'],
    instead: 'the server reaches journals and systems through the runtime',
  },
  {
    name: 'engine',
    files: ['engine/**'],
    mayImport: [
      'model/**',
      'flow/**',
      'patterns/**',
      'runtime/**',
      'serve/**',
      'observe/**',
      'journal/journal.ts',
    ],
    mayNotLoad: ['undici'],
    instead: 'the engine puts rooms together and knows no journal and no system: the project hands these in',
  },
  {
    name: 'testing',
    files: ['testing/**'],
    mayImport: [
      'index.ts',
      'model/**',
      'flow/**',
      'patterns/**',
      'runtime/**',
      'journal/**',
      'connect/**',
      'observe/**',
    ],
    mayNotLoad: ['undici'],
    instead: 'the test kit runs without a server and without the command line',
  },
  {
    name: 'cli',
    files: ['cli/**'],
    mayImport: ['index.ts', '*/index.ts', 'connect/*/index.ts', 'model/**'],
    mayNotLoad: ['undici'],
    instead: 'the command line uses the public doors: export what it needs from an index.ts',
  },
  {
    name: 'the front door',
    files: ['index.ts'],
    mayImport: ['**'],
    mayNotLoad: ['undici'],
    instead: 'use a connector',
  },
]

/** The walls of `packages/linkspan/src`, as data; DESIGN.md's layout in a form that a machine can hold to. */
export const walls: Walls = {
  packageName: 'linkspan',
  rooms,
  globals: [
    {
      what: 'the clock or chance',
      calls: [
        'Date.now',
        'Math.random',
        'performance.now',
        'setTimeout',
        'setInterval',
        'randomUUID',
        'randomBytes',
        'getRandomValues',
      ],
      texts: [/\bnew\s+Date\s*(?:\(\s*\)|(?![\s\w$(]))/g],
      notIn: ['model/**', 'flow/**', 'patterns/**', 'runtime/**', 'journal/**'],
      except: ['**/system-clock.ts', '**/outside.ts'],
      instead: HAND_IN,
    },
    {
      what: "Node's global fetch",
      calls: ['fetch'],
      texts: [],
      notIn: ['**'],
      except: [],
      instead: "use undici's own client in connect/http, or the fetch that the caller hands in as a member",
    },
    {
      what: 'the console',
      calls: [],
      texts: [/(?<![.\w$])console(?=\s*\.)/g],
      notIn: ['**'],
      except: ['cli/**'],
      instead: 'use the Logger that the caller hands in, or return the text',
    },
  ],
  testedAlone: {
    files: ['patterns/*.ts'],
    except: ['patterns/index.ts', 'patterns/pattern.ts', 'patterns/steps.ts'],
  },
}

function main(): void {
  const source = join(root, 'packages', 'linkspan', 'src')
  const { violations, files } = checkWalls(source, walls, 'packages/linkspan/src')
  for (const violation of violations) console.error(violation)
  console.log(`walls: ${files} files, ${violations.length} violations`)
  process.exitCode = violations.length === 0 ? 0 : 1
}

if (import.meta.main) main()
