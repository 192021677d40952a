import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createEngine, defineProject, type Engine, type MessageSummary, type Outside } from 'linkspan'
import { pat } from 'linkspan/azure-devops'
import { simulated } from 'linkspan/journal'
import { type AzureDevOpsSimulator, azureDevOpsSimulator } from 'linkspan/testing'
import { flows } from './flows/index.ts'

const PASSWORD = 'hook-passw0rd'

/** The recipes at work on a simulated organization. */
export interface Hub extends AsyncDisposable {
  readonly azure: AzureDevOpsSimulator
  readonly engine: Engine
  /** What the chat was told. */
  readonly said: readonly string[]
  readonly project: string
  readonly pipeline: number
  /** Resolves when every event is delivered and every message has ended. */
  rest(): Promise<void>
  /** Messages that have ended otherwise than well. */
  troubles(): Promise<readonly MessageSummary[]>
  /** Delivers every event that was delivered once more. */
  tellAllAgain(): Promise<void>
  subscriptions: readonly string[]
}

/** The hooks of the recipes: address, publisher and event types. */
const SUBSCRIBED = {
  '/hooks/pull-requests': ['git.pullrequest.merged', 'git.pullrequest.updated'],
  '/hooks/builds': ['build.complete'],
  '/hooks/code': ['git.push', 'git.pullrequest.created', 'git.pullrequest.updated'],
} as const

/** Time that passes so much quicker than the machine's: waits for an unknown outcome take seconds instead of a minute. */
const QUICKER = 20

function quickClock(): Outside['clock'] {
  const began = Date.now()
  const passed = (): number => (Date.now() - began) * QUICKER
  return {
    now: () => began + passed(),
    monotonic: passed,
    defer: (run) => void setImmediate(run),
    timer(afterMs, run) {
      const timer = setTimeout(run, Math.min(afterMs / QUICKER, 2 ** 31 - 1))
      return () => clearTimeout(timer)
    },
  }
}

/** Starts the recipes on a fresh organization with a project, a repository and its pipeline. */
export async function startHub(options: { readonly subscribed?: boolean } = {}): Promise<Hub> {
  const clock = quickClock()
  const chat = await startChat()
  const azure = azureDevOpsSimulator({ clock, send: (request) => engine.fetch(request) })
  const project = azure.acts.project('Hub')
  azure.acts.repository('Hub', 'web')
  azure.acts.push('web', 'main', ['Begin'])
  const pipeline = azure.acts.pipeline('Hub', { name: 'web CI', repository: 'web' })
  await azure.listen()
  const engine: Engine = createEngine(
    defineProject({
      journal: simulated(),
      flows,
      connections: {
        azure: { baseUrl: azure.url, project: 'Hub', auth: pat('simulator-token') },
        chat: { baseUrl: chat.url },
      },
    }),
    { outside: { clock, logger: { log: () => undefined } }, lookup: () => PASSWORD },
  )
  await engine.start()
  const subscriptions = options.subscribed === false ? [] : subscribeAll(azure, project)
  const rest = async (): Promise<void> => {
    do await azure.hooks.idle()
    while ((await openMessages(engine)) > 0 && (await soon()))
  }
  return {
    azure,
    engine,
    project,
    pipeline,
    subscriptions,
    said: chat.said,
    rest,
    troubles: async () =>
      (await engine.admin.messages({ states: ['dead', 'inDoubt', 'parked'], children: true })).items,
    async tellAllAgain() {
      const told = new Set(azure.hooks.attempts.map(({ eventId }) => eventId))
      for (const id of told) azure.hooks.resend(id)
      await rest()
    },
    async [Symbol.asyncDispose]() {
      await engine.stop()
      await azure.close()
      await chat.close()
    },
  }
}

/** Subscribes what the recipes hear of. */
export function subscribeAll(
  azure: AzureDevOpsSimulator,
  project: string,
  password: string = PASSWORD,
): readonly string[] {
  return Object.entries(SUBSCRIBED).flatMap(([path, types]) =>
    types.map((eventType) =>
      azure.hooks.subscribe({
        publisherId: 'tfs',
        eventType,
        publisherInputs: { projectId: project },
        consumerInputs: {
          url: `http://hub.example${path}`,
          basicAuthUsername: 'azure',
          basicAuthPassword: password,
        },
      }),
    ),
  )
}

async function openMessages(engine: Engine): Promise<number> {
  return (await engine.admin.messages({ states: ['waiting', 'active'], children: true })).items.length
}

/** A turn of the event loop; always true. */
async function soon(): Promise<boolean> {
  return new Promise((resolve) => setTimeout(resolve, 5, true))
}

async function startChat(): Promise<{
  readonly url: string
  readonly said: string[]
  close(): Promise<void>
}> {
  const said: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    said.push((JSON.parse(Buffer.concat(chunks).toString('utf8')) as { text: string }).text)
    response.writeHead(200).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    said,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
