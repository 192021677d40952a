import type { IncomingMessage } from 'node:http'
import { test } from 'vitest'
import {
  azureDevOpsSimulator,
  type ConnectorUnderTest,
  type TrialItem,
  testConnector,
} from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { type HurtAnswer, hurtServer } from '../fixtures/hurt-server.ts'
import { azureDevOps, pat, type WorkItemRevision } from './index.ts'

const TOKEN = 'a2ur3-t0ken-5c4b3a'
const WRONG = 'wr0ng-t0ken-9d8e7f'
const TEXT = 'System.Description'

/** The item that a work item, or a page that it links to, was made of. */
const read = (text: unknown): TrialItem | null => {
  const found = /^item:([0-9a-f]+)$/.exec(String(text ?? ''))?.[1]
  return found === undefined ? null : (JSON.parse(Buffer.from(found, 'hex').toString('utf8')) as TrialItem)
}
const write = (item: TrialItem): string => `item:${Buffer.from(JSON.stringify(item)).toString('hex')}`

const WITHOUT: ConnectorUnderTest['without'] = {
  batch:
    'the service makes one work item, or link, a request; batches of reads and changes have tests of their own',
  check: 'a token of least scopes may read nothing that all organizations have',
  unreadable: 'a page that is no JSON fails as a whole and is asked for again; its revisions can all be read',
  redelivery: 'the watermark of the reporting API goes on for ever, and hands no revision out twice',
}

async function organization(clock: Parameters<ConnectorUnderTest['make']>[0]['clock']) {
  const azure = azureDevOpsSimulator({ tokens: { [TOKEN]: ['vso.work_write'] } })
  azure.acts.project('Hub')
  const page = azure.acts.workItem('Hub', 'Task', { 'System.Title': 'Links' })
  const server = await hurtServer(
    clock,
    (request, body) => answered(azure, request, body),
    ({ method, url = '' }) => method !== 'GET' && !url.includes('/wiql'),
  )
  return { azure, page, server, baseUrl: `${server.url}/${azure.organization}` }
}

async function answered(
  azure: ReturnType<typeof azureDevOpsSimulator>,
  request: IncomingMessage,
  body: Buffer,
): Promise<HurtAnswer> {
  const headers = new Headers(request.headers as Record<string, string>)
  const response = await azure.handle(
    new Request(`http://${request.headers.host}${request.url}`, {
      method: request.method ?? 'GET',
      headers,
      ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
    }),
  )
  const bytes = new Uint8Array(await response.arrayBuffer())
  return { status: response.status, headers: Object.fromEntries(response.headers), body: bytes }
}

const subject = (kind: 'create' | 'link', more: ConnectorUnderTest['without']): ConnectorUnderTest => ({
  name: `azure-devops, ${kind}`,
  against: 'simulator',
  time: 'real',
  noRealSystem:
    'Azure DevOps is a service on the internet, and this project has no organization of its own there',
  without: { ...WITHOUT, ...more },
  async make({ clock }) {
    const { azure, page, server, baseUrl } = await organization(clock)
    const { url: _url, close, ...system } = server
    const boards = azureDevOps('boards')
    return {
      connection: boards,
      config: { baseUrl, project: 'Hub', auth: pat(TOKEN) },
      wrongConfig: { baseUrl, project: 'Hub', auth: pat(WRONG) },
      secrets: [TOKEN, WRONG],
      ...(kind === 'create' ? { source: revisions(azure, boards) } : {}),
      operation: kind === 'create' ? created(azure, boards) : linked(azure, boards, page),
      system,
      dispose: close,
    }
  },
})

type Boards = ReturnType<typeof azureDevOps>
type Azure = ReturnType<typeof azureDevOpsSimulator>

function revisions(azure: Azure, boards: Boards) {
  return {
    source: boards.poll.workItemRevisions({ every: '1s' }) as SourceDeclaration<never>,
    key: ({ fields }: WorkItemRevision) => read(fields[TEXT])?.key ?? '',
    put: async (items: readonly TrialItem[]) => {
      for (const item of items)
        azure.acts.workItem('Hub', 'Task', { 'System.Title': 'Item', [TEXT]: write(item) })
    },
    item: ({ body }: { readonly body: unknown }) => read((body as WorkItemRevision).fields[TEXT]),
  }
}

function created(azure: Azure, boards: Boards) {
  return {
    operation: boards.workItems.create,
    input: (item: TrialItem) => ({ type: 'Bug', fields: { 'System.Title': 'Item', [TEXT]: write(item) } }),
    effects: async () => azure.acts.ids('Bug').flatMap((id) => read(azure.acts.show(id).fields[TEXT]) ?? []),
    refused: { type: 'Nothing', fields: { 'System.Title': 'Item' } },
  }
}

function linked(azure: Azure, boards: Boards, id: number) {
  return {
    operation: boards.workItems.link,
    input: (item: TrialItem) => ({ id, rel: 'Hyperlink', url: write(item) }),
    effects: async () => azure.acts.show(id).links.flatMap(({ url }) => read(url) ?? []),
    refused: { id, rel: 'Nothing', url: 'x' },
  }
}

testConnector(test, subject('create', {}))
testConnector(test, subject('link', { source: 'the source is tried together with workItems.create' }))
