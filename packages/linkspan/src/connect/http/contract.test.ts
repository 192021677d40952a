import { test } from 'vitest'
import type { Capability, ConnectorUnderTest, OperationTrial, TrialItem } from '../../testing/index.ts'
import { testConnector } from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { type ItemService, itemService, SERVICE_TOKEN } from '../fixtures/item-service.ts'
import { bearer, type HttpConnection, httpConnection } from './index.ts'

const WRONG = 'wr0ng-token-5a4b3c'

interface Entry extends TrialItem {
  readonly number: number
}

/** An operation of each guarantee. */
const OPERATIONS = {
  key: (api: HttpConnection) =>
    api.post({
      name: 'add',
      path: '/rows',
      body: (item: TrialItem) => item,
      guarantee: { kind: 'key', validFor: '24h', quoted: false },
    }),
  verify: (api: HttpConnection) =>
    api.post({
      name: 'add',
      path: '/rows',
      headers: (_input: TrialItem, { mark }) => ({ 'x-mark': mark }),
      guarantee: {
        kind: 'verify',
        settleAfter: '1s',
        verify: (_input, { mark }) => ({
          path: '/rows',
          query: { mark },
          read: (reply) =>
            reply.status === 200 ? { state: 'done', result: reply.json() } : { state: 'absent' },
        }),
      },
    }),
  natural: (api: HttpConnection) => api.put<TrialItem>({ name: 'set', path: '/rows' }),
  none: (api: HttpConnection) =>
    api.post({ name: 'add', path: '/rows', body: (item: TrialItem) => item, guarantee: { kind: 'none' } }),
} as const satisfies Record<string, (api: HttpConnection) => OperationTrial['operation']>

const WITHOUT: Partial<Record<Capability, string>> = {
  batch: 'a request makes one call',
  check: 'a service has no one path that says whether it can be used',
  unreadable: 'a page that is no JSON fails as a whole and is asked for again; its items can all be read',
}

const subject = (
  guarantee: keyof typeof OPERATIONS,
  without: ConnectorUnderTest['without'],
): ConnectorUnderTest => ({
  name: `http, ${guarantee}`,
  against: 'real system',
  time: 'real',
  without: { ...WITHOUT, ...without },
  async make({ clock }) {
    const service = await itemService(clock)
    const api = httpConnection('api')
    const { url, rows, add: _add, listAll: _listAll, close, ...system } = service
    return {
      connection: api,
      config: { baseUrl: url, auth: bearer(SERVICE_TOKEN) },
      wrongConfig: { baseUrl: url, auth: bearer(WRONG) },
      secrets: [SERVICE_TOKEN, WRONG],
      ...(guarantee === 'key' ? { source: polled(api, service) } : {}),
      operation: {
        operation: OPERATIONS[guarantee](api),
        input: (item) => item,
        effects: async () => rows.map(({ item }) => item),
        refused: { id: '', key: '', text: '' },
      },
      system,
      dispose: close,
    }
  },
})

function polled(api: HttpConnection, service: ItemService) {
  const source = api.poll<Entry>({
    name: 'items',
    path: '/items',
    every: '1s',
    since: { param: 'since', of: ({ number }) => number },
    identity: ({ id }) => id,
  })
  return {
    source: source as SourceDeclaration<never>,
    key: ({ key }: TrialItem) => key,
    put: async (items: readonly TrialItem[]) => {
      for (const item of items) service.add(item)
    },
    item: ({ body }: { readonly body: unknown }) => {
      const { id, key, text } = body as Entry
      return { id, key, text }
    },
    redeliver: async () => service.listAll(),
  }
}

testConnector(test, subject('key', {}))
for (const guarantee of ['verify', 'natural', 'none'] as const)
  testConnector(test, subject(guarantee, { source: 'the source is tried together with the guarantee key' }))
