import { LinkspanError } from '../../model/errors.ts'
import type { HttpClient } from '../http/index.ts'

/** A connected connection: the HTTP client of the organization, and those of its projects. */
export interface AzureClient {
  readonly organization: HttpClient
  /** For paths below a project, the bound one where none is named. */
  project(name: string | undefined): HttpClient
}

/** Makes the clients of projects share the pools, tokens and secrets of the organization's. */
export function azureClient(organization: HttpClient, bound: string | null): AzureClient {
  const projects = new Map<string, HttpClient>()
  return {
    organization,
    project(name) {
      const wanted = name ?? bound
      if (wanted === null) throw noProject()
      const known = projects.get(wanted)
      if (known !== undefined) return known
      const { origin, path } = organization.base as NonNullable<HttpClient['base']>
      const base = { origin, path: `${path}/${encodeURIComponent(wanted)}` }
      const made: HttpClient = { ...organization, base, prepared: new Map() }
      projects.set(wanted, made)
      return made
    },
  }
}

function noProject(): LinkspanError {
  return new LinkspanError(
    'CALL_REJECTED',
    'The call names no project, and the connection is bound to none. Give it `project`, or bind one in the configuration of the connection. Nothing was sent.',
  )
}
