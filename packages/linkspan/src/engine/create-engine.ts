import { cwd, version as nodeVersion, pid, stdout } from 'node:process'
import { durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Outside } from '../model/outside.ts'
import { jsonLogger } from '../observe/json-logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import type { Flow, FlowFacts } from '../patterns/steps.ts'
import { createAdmin } from '../runtime/admin.ts'
import type { Admin } from '../runtime/admin-api.ts'
import { createAdminReader } from '../runtime/admin-reader.ts'
import type {
  AcceptsOf,
  Engine,
  EngineOptions,
  HttpSettings,
  Project,
  Reference,
  RepliesOf,
  SendOptions,
} from '../runtime/engine-api.ts'
import { type SecretHider, secretHider } from '../runtime/hide-secrets.ts'
import { liveView } from '../runtime/live-view.ts'
import { type Lookup, requireAll, resolveReferences } from '../runtime/references.ts'
import { createRuntime, type Runtime } from '../runtime/runtime.ts'
import { findMessage } from '../runtime/selection.ts'
import { summaryOf } from '../runtime/summary.ts'
import type { AdminAccess } from '../serve/admin-routes.ts'
import { CONSOLE_PATH } from '../serve/console.ts'
import { announceEngine } from '../serve/engine-file.ts'
import { createHttpApp, type HttpApp } from '../serve/http-app.ts'
import { type HttpServer, startHttpServer } from '../serve/http-server.ts'
import { type NodeListener, nodeListener } from '../serve/node-listener.ts'
import { lookup as systemLookup } from './lookup.ts'
import { systemClock, systemRandom } from './outside.ts'
import { VERSION } from './version.ts'

/** An engine with a listener for an application's own Node server. */
export interface MountableEngine extends Engine {
  /** Answers requests of a Node server: `createServer(engine.listener)`. */
  readonly listener: NodeListener
}

const TOKEN_LENGTH = 32
const DEFAULT_PORT = 7070
const STOP_SHARE = 0.5

/**
 * Makes an engine for a project. Nothing is opened before {@link Engine.start}.
 *
 * @throws {LinkspanError} `SECRET_MISSING` naming every reference without a value, `FLOW_DUPLICATE`, `CHANNEL_INVALID`,
 * `CONFIG_INVALID`.
 * @example
 * ```ts
 * import { createEngine, defineProject, flow, inbox, sqlite } from 'linkspan'
 * const greet = flow('greet').from(inbox<{ name: string }>()).reply('greeting', (p) => `Hello ${p.name}`)
 * const engine = createEngine(defineProject({ journal: sqlite('data/hub.db'), flows: [greet] }))
 * await engine.start()
 * const text: string = await engine.request(greet, { name: 'Ada' })
 * await engine.stop()
 * ```
 */
export function createEngine(project: Project, options: EngineOptions = {}): MountableEngine {
  checkProject(project)
  const lookup = options.lookup ?? systemLookup
  const { flows, hooks = {} } = project
  const resolved = resolveReferences(
    {
      connections: project.connections ?? {},
      http: project.http,
      version: project.version,
      journal: project.journal.configuration?.options ?? {},
    },
    lookup,
  )
  requireAll(resolved.missing)
  const journal = project.journal.configuration?.withValues(resolved.value.journal) ?? project.journal
  const hider = secretHider(resolved.secrets)
  const outside = outsideOf(options, hider)
  const directory = options.directory ?? cwd()
  const metrics = createMetrics()
  const deployment = resolved.value.version === undefined ? '' : `+${String(resolved.value.version)}`
  const { retention, attentionRetention, onError } = project
  const runtime = createRuntime({
    flows,
    journal,
    hooks,
    hider,
    outside,
    directory,
    metrics,
    connections: resolved.value.connections,
    codeVersion: (flow) => `${flow.codeVersion}${deployment}`,
    settings: {
      ...(retention === undefined ? {} : { retention }),
      ...(attentionRetention === undefined ? {} : { attentionRetention }),
      ...(onError === undefined ? {} : { onError }),
    },
  })
  const http = httpSettings(resolved.value.http)
  const serving = createServing({ runtime, http, outside, directory, metrics, lookup })

  const stop: Engine['stop'] = async (given) => {
    const withinMs = durationMs(given?.within ?? '10s')
    await serving.close(withinMs * STOP_SHARE)
    await runtime.stop({ within: withinMs })
  }

  return {
    flows: runtime.flows,
    intake: runtime.intake,
    metrics,
    stop,
    get state() {
      return runtime.state
    },
    get admin() {
      return serving.admin()
    },
    get address() {
      return serving.address()
    },
    get listener() {
      return serving.listener
    },
    async validate() {
      await runtime.validate()
      serving.validate()
    },
    async start() {
      await runtime.start()
      try {
        await serving.open()
        runtime.openSources()
      } catch (error) {
        await stop()
        throw error
      }
    },
    raise: (event, key, value, given) => runtime.control.raise(event.name, key, value, given),
    send: (flow, body, given) => runtime.send(flow.definition.name, body, given),
    request: async <L extends Flow>(flow: L, body: AcceptsOf<L>, given: SendOptions = {}) =>
      (await runtime.request(flow.definition.name, body, given)) as RepliesOf<L>,
    fetch: (request) => serving.app().fetch(request),
  }
}

interface ServingOptions {
  readonly runtime: Runtime
  readonly http: HttpSettings | null
  readonly outside: Outside
  readonly directory: string
  readonly metrics: Engine['metrics']
  readonly lookup: Lookup
}

interface Serving {
  readonly listener: NodeListener
  app(): HttpApp
  admin(): Admin
  address(): Engine['address']
  /** Throws what is wrong with the routes and the server's settings. */
  validate(): void
  open(): Promise<void>
  close(withinMs: number): Promise<void>
}

/** The side of an engine that is turned to HTTP: routes, pages and the admin API, on a server of its own or mounted. */
function createServing(options: ServingOptions): Serving {
  const { runtime, http, outside, directory } = options
  let app: HttpApp | null = null
  let admin: Admin | null = null
  let server: HttpServer | null = null
  let listener: NodeListener | null = null
  let withdraw: (() => Promise<void>) | null = null
  const access = adminAccess(http, outside)

  const need = <T>(part: T | null): T => {
    if (part !== null) return part
    throw new LinkspanError(
      'ENGINE_STATE',
      `The engine is ${runtime.state}. Call start() first, and wait for it.`,
    )
  }

  const appFor = (present: Admin): HttpApp =>
    createHttpApp({
      flows: runtime.flows,
      intake: runtime.intake,
      admin: present,
      metrics: options.metrics,
      state: () => runtime.state,
      outside,
      lookup: options.lookup,
      adminAccess: access,
      message: async (id) => {
        const { journal, live } = runtime.parts
        const stored = await findMessage(journal.messages, id)
        return summaryOf(stored, live.runs(stored.seq))
      },
      ...(http?.bodyLimit === undefined ? {} : { bodyLimit: http.bodyLimit }),
      ...(http?.requestTimeout === undefined ? {} : { requestTimeout: http.requestTimeout }),
    })

  const open = async (): Promise<void> => {
    admin = presentAdmin(runtime)
    app = appFor(admin)
    listener = nodeListener(app)
    if (http === null) return
    server = await startHttpServer(app, {
      port: Number(http.port ?? DEFAULT_PORT),
      host: String(http.host ?? '127.0.0.1'),
      clock: outside.clock,
      ...(http.requestTimeout === undefined ? {} : { requestTimeout: http.requestTimeout }),
    })
    withdraw = await announceEngine(directory, {
      pid,
      url: server.url,
      token: access.token,
      startedAt: runtime.startedAt,
    })
    outside.logger.log('info', 'http.listening', { url: server.url, console: `${server.url}${CONSOLE_PATH}` })
  }

  return {
    listener: (incoming, outgoing) => need(listener)(incoming, outgoing),
    app: () => need(app),
    admin: () => need(admin),
    validate: () => void appFor(unstarted(() => need(admin))),
    address: () => server?.address ?? null,
    open,
    async close(withinMs) {
      await server?.stop(withinMs)
      await withdraw?.()
      server = null
      withdraw = null
    },
  }
}

/** An admin for endpoints that are only looked at: each action asks for the real one, and so says that there is none. */
function unstarted(admin: () => Admin): Admin {
  return new Proxy({} as Admin, { get: () => admin })
}

/** The administration of whatever the runtime is made of just now: its parts are new after it joined a cluster again. */
function presentAdmin(runtime: Runtime): Admin {
  let made: { readonly of: Runtime['parts']; readonly admin: Admin } | null = null
  const present = (): Admin => {
    const { parts } = runtime
    if (made?.of !== parts) made = { of: parts, admin: adminOf(runtime, parts) }
    return made.admin
  }
  const methods = Object.keys(present()).map((name) => [
    name,
    async (...args: readonly unknown[]) =>
      (present() as unknown as Record<string, (...args: readonly unknown[]) => unknown>)[name]?.(...args),
  ])
  return Object.fromEntries(methods) as Admin
}

function adminOf(runtime: Runtime, parts: Runtime['parts']): Admin {
  const { journal, flows } = parts
  const reader = createAdminReader({
    journal,
    flows,
    version: VERSION,
    node: nodeVersion,
    live: liveView(runtime),
  })
  return createAdmin(reader, parts, runtime.control)
}

function adminAccess(http: HttpSettings | null, { random }: Outside): AdminAccess {
  const configured = http?.adminToken
  return configured === undefined
    ? { token: random.token(TOKEN_LENGTH), loopbackOnly: true }
    : { token: String(configured), loopbackOnly: false }
}

function httpSettings(given: HttpSettings | false | undefined): HttpSettings | null {
  if (given === false || given === undefined) return null
  const port = Number(given.port ?? DEFAULT_PORT)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return given
  throw new LinkspanError(
    'CONFIG_INVALID',
    `http.port is a number from 0 to 65535, not ${JSON.stringify(given.port)}.`,
  )
}

function outsideOf({ outside }: EngineOptions, hider: SecretHider): Outside {
  const logger = outside?.logger ?? jsonLogger({ stream: stdout, clock: outside?.clock ?? systemClock })
  return {
    clock: outside?.clock ?? systemClock,
    random: outside?.random ?? systemRandom,
    logger: hider.logger(logger),
  }
}

function checkProject(project: Project): void {
  if (typeof project !== 'object' || project === null || !Array.isArray(project.flows)) {
    throw new LinkspanError(
      'CONFIG_INVALID',
      'A project is an object with flows: [ … ] and a journal, as defineProject makes it.',
    )
  }
  if (typeof project.journal?.open !== 'function') {
    throw new LinkspanError(
      'CONFIG_INVALID',
      "The project has no journal. Add one, as in journal: sqlite('data/hub.db').",
    )
  }
  const wrong = (project.flows as readonly Flow<FlowFacts>[]).findIndex(
    (flow) => typeof flow?.definition?.name !== 'string',
  )
  if (wrong >= 0)
    throw new LinkspanError(
      'CONFIG_INVALID',
      `flows[${wrong}] is not a flow. A flow begins with flow('name').from(source).`,
    )
}

export type { Reference }
