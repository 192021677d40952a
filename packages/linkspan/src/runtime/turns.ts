/** Runs what concerns the same thing one after the other, and the rest at once. */
export type Turns = <Result>(id: string, run: () => Promise<Result>) => Promise<Result>

/** Makes turns that nobody waits in yet. */
export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>()
  return (id, run) => {
    const before = last.get(id) ?? Promise.resolve()
    const turn = before.then(run)
    const settled = turn.catch(() => undefined)
    last.set(id, settled)
    void settled.then(() => {
      if (last.get(id) === settled) last.delete(id)
    })
    return turn
  }
}
