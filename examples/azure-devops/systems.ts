import { channel, secret } from 'linkspan'
import { azureDevOps, type EventType, type ServiceHook, serviceHook } from 'linkspan/azure-devops'
import { httpConnection } from 'linkspan/http'
import { type AuthScheme, basic } from 'linkspan/serve'

/** The organization: the project binds it as `azure`. */
export const azure = azureDevOps('azure')

const chat = httpConnection('chat')

/** Posts to the chat, which neither recognises a repeated message nor can be asked. */
export const say = chat.post({
  name: 'say',
  path: '/messages',
  body: ({ text }: { readonly text: string }) => ({ text }),
  guarantee: { kind: 'none' },
  response: 'none',
})

/**
 * What events, polls and the nightly reconciliation have in common: each says only *that there is something to look at*, and the flow
 * behind the channel looks at how things are now. So it does not matter how often, in which order, or from where it is told.
 */
export const mergedPulls = channel<{ readonly repository: string; readonly pullRequestId: number }>(
  'merged pull requests',
)

/** Builds that were queued or have ended: statuses and bugs follow from how they are now. */
export const movedBuilds = channel<{ readonly buildId: number; readonly of: string }>('builds', {
  kind: 'topic',
})

/** Commits that have no build of ours yet. */
export const wantedBuilds = channel<WantedBuild>('wanted builds')

/** A commit to be built. */
export interface WantedBuild {
  readonly repository: string
  readonly repositoryName: string
  readonly refName: string
  readonly commitId: string
  readonly pullRequestId: number | null
}

/** What our statuses are called; of several with this context the latest counts. */
export const CONTEXT = { genre: 'linkspan', name: 'build' } as const

/** A route for events, with the password that the subscriptions have. */
export function hook<const T extends EventType>(
  ...types: readonly [T, ...T[]]
): ServiceHook<T> & { readonly auth: AuthScheme } {
  return { auth: basic({ users: { azure: secret('AZURE_HOOK') } }), ...serviceHook(...types) }
}
