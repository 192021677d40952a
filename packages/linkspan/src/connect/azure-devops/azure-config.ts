import type { StandardSchemaV1 } from '@standard-schema/spec'
import {
  basic,
  type HttpAuth,
  type HttpTls,
  httpConnector,
  oauth,
  type ReadHttpConfig,
} from '../http/index.ts'
import { azureDevOpsSpec } from './spec.ts'

/** A personal access token. Give it the least scopes: those of the operations that are used. */
export function pat<S>(token: S): HttpAuth<S | string> {
  return basic('pat', token)
}

/** The resource of Azure DevOps in Microsoft Entra, whatever the organization. */
const AZURE_DEVOPS_RESOURCE = '499b84ac-1321-427f-aa17-267ca6975798'

/** How access tokens are had of Microsoft Entra, for a service principal that is a user of the organization. */
export interface EntraOptions<S> {
  /** The id or domain of the tenant. */
  readonly tenant: string
  readonly clientId: S
  readonly clientSecret: S
}

/**
 * Access tokens of Microsoft Entra by client credentials, renewed before they expire.
 *
 * @example
 * ```ts
 * import { env, secret } from 'linkspan'
 * import { entra } from 'linkspan/azure-devops'
 * const auth = entra({ tenant: 'example.com', clientId: env('ENTRA_CLIENT'), clientSecret: secret('ENTRA_SECRET') })
 * ```
 */
export function entra<S>({ tenant, clientId, clientSecret }: EntraOptions<S>): HttpAuth<S | string> {
  return oauth({
    tokenUrl: `https://login.microsoftonline.com/${encodeURIComponent(tenant)}/oauth2/v2.0/token`,
    clientId,
    clientSecret,
    scope: `${AZURE_DEVOPS_RESOURCE}/.default`,
    credentials: 'body' as const,
  })
}

/** What the project binds to a connection with Azure DevOps. */
export interface AzureDevOpsConfig {
  /** The organization's name, as in `https://dev.azure.com/acme`. */
  readonly organization?: string
  /** Where the organization, or the collection of an Azure DevOps Server, is found, instead of `organization`. */
  readonly baseUrl?: string
  /** The project that operations mean where their input names none. */
  readonly project?: string
  readonly auth?: HttpAuth
  readonly timeout?: string | number
  readonly connectTimeout?: string | number
  readonly connections?: number
  readonly replyLimit?: number
  readonly tls?: HttpTls
}

/** A checked {@link AzureDevOpsConfig}. */
export interface ReadAzureDevOpsConfig {
  readonly project: string | null
  readonly http: ReadHttpConfig
}

const OWN = ['organization', 'baseUrl', 'project'] as const

/** Checks what the project binds. */
export const azureDevOpsConfig: StandardSchemaV1<unknown, ReadAzureDevOpsConfig> = {
  '~standard': {
    version: 1,
    vendor: 'linkspan',
    validate: (value) => readConfig((value ?? {}) as Readonly<Record<string, unknown>>),
  },
}

async function readConfig(
  given: Readonly<Record<string, unknown>>,
): Promise<StandardSchemaV1.Result<ReadAzureDevOpsConfig>> {
  const { organization, baseUrl, project, ...rest } = given
  const issues = OWN.flatMap((name) => textIssue(name, given[name]))
  if ((organization === undefined) === (baseUrl === undefined))
    issues.push({ path: ['organization'], message: 'is needed, or a baseUrl instead of it; not both' })
  if ('headers' in rest)
    issues.push({ path: ['headers'], message: `is no option; there are ${OPTION_NAMES}` })
  if (issues.length > 0) return { issues }
  const url =
    (baseUrl as string | undefined) ?? `https://dev.azure.com/${encodeURIComponent(String(organization))}`
  // Without this header the service answers strangers with its page for signing in, and not with 401.
  const headers = { 'x-tfs-fedauthredirect': 'Suppress' }
  const read = await httpConnector.config['~standard'].validate({ ...rest, baseUrl: url, headers })
  if (read.issues) return read
  return { value: { project: (project as string | undefined) ?? null, http: read.value } }
}

function textIssue(name: string, value: unknown): StandardSchemaV1.Issue[] {
  if (value === undefined || (typeof value === 'string' && value !== '')) return []
  return [{ path: [name], message: 'must be a text that is not empty' }]
}

const OPTION_NAMES = azureDevOpsSpec.options.map(({ name }) => name).join(', ')
