import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import type { Capability, ConnectorUnderTest, OperationTrial, TrialItem } from '../../testing/index.ts'
import { testConnector } from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { type Folder, folder, wellFormed } from './index.ts'

const NO_SERVER = 'a folder has no server between itself and us'

const WITHOUT: Partial<Record<Capability, string>> = {
  restart: NO_SERVER,
  freeze: NO_SERVER,
  cut: NO_SERVER,
  slow: NO_SERVER,
  lostReply: NO_SERVER,
  check: NO_SERVER,
  secrets: 'a folder needs no credentials',
  credentials: 'a folder needs no credentials',
  redelivery: 'a file is read on from a position; nobody delivers it',
  batch: 'a call appends one line or writes one file',
}

const lines = async (path: string): Promise<readonly TrialItem[]> => {
  const text = await readFile(path, 'utf8').catch(() => '')
  const rows = text.split('\n').filter((line) => line !== '')
  return rows.map((line) => {
    const { id, key, text: own } = JSON.parse(line) as TrialItem
    return { id, key, text: own }
  })
}

const jsonLines = (items: readonly TrialItem[]): string =>
  items.map((item) => `${JSON.stringify(item)}\n`).join('')

const OPERATIONS = {
  'append with verify': (inbox: Folder) =>
    inbox.append<TrialItem, { kind: 'verify'; settleAfter: 0 }>({
      name: 'out',
      file: 'out/rows.ndjson',
      guarantee: { kind: 'verify', settleAfter: 0 },
    }),
  'append with none': (inbox: Folder) =>
    inbox.append<TrialItem, { kind: 'none' }>({
      name: 'out',
      file: 'out/rows.ndjson',
      line: (item) => (item.id === '' ? '\n' : JSON.stringify(item)),
      guarantee: { kind: 'none' },
    }),
} as const satisfies Record<string, (inbox: Folder) => OperationTrial['operation']>

const subject = (how: keyof typeof OPERATIONS): ConnectorUnderTest => ({
  name: `files, ndjson and ${how}`,
  against: 'real system',
  time: 'real',
  without: WITHOUT,
  async make() {
    const directory = await mkdtemp(join(tmpdir(), 'linkspan-contract-'))
    const inbox = folder('inbox')
    const into = join(directory, 'in.ndjson')
    return {
      connection: inbox,
      config: { path: '.' },
      directory,
      source: {
        source: inbox.ndjson<TrialItem>({ match: 'in.ndjson', every: '1s' }) as SourceDeclaration<never>,
        key: (body: TrialItem) => body.key,
        put: (items) => appendFile(into, jsonLines(items)),
        item: ({ body }) => wellFormed(body as TrialItem),
        putUnreadable: () => appendFile(into, '{"id": \n'),
      },
      operation: {
        operation: OPERATIONS[how](inbox),
        input: (item) => item,
        effects: () => lines(join(directory, 'out', 'rows.ndjson')),
        refused: how === 'append with none' ? { id: '', key: '', text: '' } : 'a text, which carries no mark',
      },
      dispose: () => rm(directory, { recursive: true, force: true }),
    }
  },
})

testConnector(test, subject('append with verify'))
testConnector(test, subject('append with none'))

testConnector(test, {
  name: 'files, write',
  against: 'real system',
  time: 'real',
  without: { ...WITHOUT, source: 'tried with append', refusal: 'a file takes any content' },
  async make() {
    const directory = await mkdtemp(join(tmpdir(), 'linkspan-contract-'))
    const outbox = folder('outbox')
    const written: string[] = []
    return {
      connection: outbox,
      config: { path: '.' },
      directory,
      operation: {
        operation: outbox.write<TrialItem>({ name: 'write', file: ({ id }) => `${id}.json` }),
        input: (item) => {
          if (!written.includes(item.id)) written.push(item.id)
          return item
        },
        effects: async () =>
          (await Promise.all(written.map((id) => lines(join(directory, `${id}.json`))))).flat(),
      },
      dispose: () => rm(directory, { recursive: true, force: true }),
    }
  },
})
