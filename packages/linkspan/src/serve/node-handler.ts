import type { Engine } from '../runtime/engine-api.ts'
import { type NodeListener, webListener } from './node-listener.ts'

/** What can be mounted: an engine, or anything else that answers web-standard requests. */
export type NodeMountable = Pick<Engine, 'fetch'> & {
  /** The faster way, where the engine offers one. */
  readonly listener?: NodeListener
}

/**
 * A listener that mounts an engine's routes, pages and admin API in an application's own Node server. In a server of
 * the fetch style mount `engine.fetch` itself.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import type { Engine } from 'linkspan'
 * import { nodeHandler } from 'linkspan/serve'
 * export function serve(engine: Engine): void {
 *   createServer(nodeHandler(engine)).listen(8080, '127.0.0.1')
 * }
 * ```
 */
export function nodeHandler(engine: NodeMountable): NodeListener {
  return engine.listener ?? webListener((request) => engine.fetch(request))
}
