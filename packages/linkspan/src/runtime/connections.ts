import type { ConnectEnvironment, ConnectionDeclaration, Operation } from '../connect/connector.ts'
import { ensureError, LinkspanError } from '../model/errors.ts'
import { backoffMs, exponential } from '../model/policy.ts'
import type { Flow } from '../patterns/steps.ts'
import { withoutBudget } from './budget/budgets.ts'

/** The clients of the project's connections, each made on first use and shared by all flows. */
export interface Connections {
  /** The client, at once when it is there. Rejects with `CONNECTION_FAILED` while it cannot be made. */
  client(declaration: ConnectionDeclaration): unknown
  /** Makes the next use connect again. */
  lost(declaration: ConnectionDeclaration): void
  /** Checks the configuration of each connection without connecting. Throws `CONNECTION_UNBOUND` or `CONFIG_INVALID`. */
  validate(declarations: readonly ConnectionDeclaration[]): Promise<void>
  close(): Promise<void>
}

interface Link {
  client: unknown
  connected: boolean
  connecting: Promise<unknown> | null
  failures: number
  notBefore: number
}

const PAUSES = exponential('250ms', '30s')

/** Makes the clients of a project from its bound configuration. `clean` makes of an error one that may be shown. */
export function createConnections(
  bound: Readonly<Record<string, unknown>>,
  environment: ConnectEnvironment,
  clean: (error: LinkspanError) => LinkspanError,
): Connections {
  const links = new Map<string, { readonly declaration: ConnectionDeclaration; readonly link: Link }>()
  const configs = new Map<string, unknown>()

  const configOf = async (declaration: ConnectionDeclaration): Promise<unknown> => {
    const { name, connector } = declaration
    if (configs.has(name)) return configs.get(name)
    const given = withoutBudget(bound[name])
    if (given === undefined && !declaration.optional) {
      throw new LinkspanError(
        'CONNECTION_UNBOUND',
        `The connection "${name}" (${connector.name}) has no configuration. Bind it in the project: connections: { ${JSON.stringify(name)}: { … } }.`,
      )
    }
    const result = await connector.config['~standard'].validate(given ?? {})
    if (result.issues) {
      const issues = result.issues.map((issue) => `${pathText(issue.path)}${issue.message}`).join('; ')
      throw new LinkspanError(
        'CONFIG_INVALID',
        `The configuration of connection "${name}" (${connector.name}) is not right: ${issues}.`,
      )
    }
    configs.set(name, result.value)
    return result.value
  }

  const linkOf = (declaration: ConnectionDeclaration): Link => {
    const present = links.get(declaration.name)
    if (present) return present.link
    const link: Link = { client: undefined, connected: false, connecting: null, failures: 0, notBefore: 0 }
    links.set(declaration.name, { declaration, link })
    return link
  }

  const connect = async (declaration: ConnectionDeclaration, link: Link): Promise<unknown> => {
    const wait = link.notBefore - environment.clock.monotonic()
    if (wait > 0) throw notYet(declaration.name, wait)
    try {
      link.client = await declaration.connector.connect((await configOf(declaration)) as never, environment)
      link.connected = true
      link.failures = 0
      return link.client
    } catch (thrown) {
      link.failures += 1
      link.notBefore =
        environment.clock.monotonic() + backoffMs(PAUSES, link.failures, environment.random.next())
      const failure = ensureError(thrown, 'CONNECTION_FAILED', {
        retry: 'later',
        applied: 'no',
        details: { connection: declaration.name },
      })
      throw clean(failure)
    }
  }

  return {
    client(declaration) {
      const link = linkOf(declaration)
      if (link.connected) return link.client
      // Also one that was refused within the pause: else nobody would ever connect again.
      link.connecting ??= connect(declaration, link).finally(() => {
        link.connecting = null
      })
      return link.connecting
    },
    lost(declaration) {
      const link = linkOf(declaration)
      if (!link.connected) return
      link.connected = false
      void Promise.resolve(declaration.connector.close?.(link.client as never)).catch(() => undefined)
    },
    async validate(declarations) {
      for (const declaration of declarations)
        await configOf(declaration).catch((thrown: unknown) => {
          throw clean(ensureError(thrown, 'CONFIG_INVALID'))
        })
    },
    async close() {
      const open = [...links.values()].filter(({ link }) => link.connected)
      links.clear()
      await Promise.allSettled(
        open.map(async ({ declaration, link }) => declaration.connector.close?.(link.client as never)),
      )
    },
  }
}

function notYet(name: string, waitMs: number): LinkspanError {
  return new LinkspanError(
    'CONNECTION_FAILED',
    `The connection "${name}" failed a moment ago and is tried again in ${Math.ceil(waitMs)} ms.`,
    {
      retry: { afterMs: Math.ceil(waitMs) },
      applied: 'no',
    },
  )
}

function pathText(path: readonly unknown[] | undefined): string {
  if (!path || path.length === 0) return ''
  const keys = path.map((part) =>
    typeof part === 'object' && part !== null && 'key' in part ? String(part.key) : String(part),
  )
  return `${keys.join('.')}: `
}

/** The connections that flows refer to, each once. Throws `CONFIG_INVALID` for a name used for two systems. */
export function declarationsOf(flows: readonly Flow[]): ConnectionDeclaration[] {
  const found = new Map<string, ConnectionDeclaration>()
  for (const flow of flows) {
    const { connection } = flow.source
    const used = [...flow.code.values()].map(
      (code) => (code['operation'] as Operation<unknown, unknown> | undefined)?.connection,
    )
    for (const each of [connection, ...used]) if (each) register(found, each)
  }
  return [...found.values()]
}

function register(found: Map<string, ConnectionDeclaration>, declaration: ConnectionDeclaration): void {
  const present = found.get(declaration.name)
  if (present && present.connector.name !== declaration.connector.name) {
    throw new LinkspanError(
      'CONFIG_INVALID',
      `The connection name "${declaration.name}" is used for ${present.connector.name} and for ${declaration.connector.name}. Give each its own name.`,
    )
  }
  found.set(declaration.name, declaration)
}
