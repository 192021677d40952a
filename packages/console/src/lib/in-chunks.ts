/** How far {@link inChunks} is. */
export type ChunkProgress = (done: number, total: number) => void

/** What came of one chunk; the engine's own outcome of an action on many messages is one. */
export interface ChunkOutcome {
  readonly done: number
  readonly refused: readonly { readonly id: string; readonly error: { readonly message: string } }[]
}

/** What came of all, and whether it was stopped before the end. */
export interface ChunkedOutcome extends ChunkOutcome {
  readonly stopped: boolean
}

/** Acts on one message after the other; one that is refused keeps no other from its turn. */
export async function oneByOne(
  ids: readonly string[],
  act: (id: string) => Promise<unknown>,
): Promise<ChunkOutcome> {
  const refused: ChunkOutcome['refused'][number][] = []
  for (const id of ids) {
    try {
      await act(id)
    } catch (thrown) {
      refused.push({ id, error: { message: thrown instanceof Error ? thrown.message : String(thrown) } })
    }
  }
  return { done: ids.length - refused.length, refused }
}

/**
 * Acts on many messages a second's worth at a time, so that it can be stopped in between: what was begun ends, and nothing
 * more is begun. `act` keeps to the rate within its chunk.
 */
export async function inChunks(
  ids: readonly string[],
  perSecond: number,
  act: (ids: readonly string[], progress: ChunkProgress) => Promise<ChunkOutcome>,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: ChunkProgress },
): Promise<ChunkedOutcome> {
  const size = Math.max(1, Math.floor(perSecond))
  let done = 0
  const refused: ChunkOutcome['refused'][number][] = []
  for (let at = 0; at < ids.length; at += size) {
    if (signal.aborted) return { done, refused, stopped: true }
    const outcome = await act(ids.slice(at, at + size), (part) => progress(at + part, ids.length))
    done += outcome.done
    refused.push(...outcome.refused)
    progress(Math.min(ids.length, at + size), ids.length)
  }
  return { done, refused, stopped: false }
}
