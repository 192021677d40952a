/**
 * The two classes of undici that calls are made with, by their files: the package's index loads its fetch, WebSocket,
 * cache and mocks with them, which costs every engine 12 MB and a fifth of its start. undici is pinned to one version.
 */
declare module 'undici/lib/dispatcher/agent.js' {
  import { Agent } from 'undici'
  export = Agent
}
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici'
  export = Pool
}
