/** What stands in a lane. */
export interface Standing {
  readonly key: string | null
  readonly bytes: number
}

/** The messages of one flow in memory: in order per key, so many at once, and no more than there is room for. */
export interface SourceLanes<Item extends Standing> {
  readonly active: number
  readonly resident: number
  enter(item: Item): void
  /** It leaves its place among those that run, and keeps its key until it is {@link ready} again. */
  rest(): void
  /** One that has rested may go on. */
  ready(item: Item): void
  /** It is gone, and its key goes on. `running` says whether it had a place among those that run. */
  leave(item: Item, running: boolean): void
  /** Resolves when there is room, or `signal` fires. */
  room(signal: AbortSignal): Promise<void>
  /** Starts nothing more. */
  close(): void
}

/** The bounds of a flow's lanes. */
export interface LaneBounds {
  readonly concurrency: number
  readonly window: number
  readonly windowBytes: number
}

/** Makes the lanes of one flow; `start` is called when it is an item's turn. */
export function createSourceLanes<Item extends Standing>(
  { concurrency, window, windowBytes }: LaneBounds,
  defer: (run: () => void) => void,
  start: (item: Item) => void,
): SourceLanes<Item> {
  const lanes = new Map<string, Item[]>()
  let turn: Item[] = []
  let active = 0
  let resident = 0
  let bytes = 0
  let isClosed = false
  let isPumping = false
  const waiting = new Set<() => void>()

  const pump = (): void => {
    if (isPumping || isClosed || turn.length === 0) return
    isPumping = true
    defer(() => {
      isPumping = false
      const starting = turn.splice(0, isClosed ? 0 : concurrency - active)
      active += starting.length
      for (const item of starting) start(item)
    })
  }

  const ready = (item: Item): void => {
    turn.push(item)
    pump()
  }

  const hasRoom = (): boolean => resident < window && bytes < windowBytes

  const next = (item: Item): void => {
    if (item.key === null) return
    const lane = lanes.get(item.key)
    lane?.shift()
    const following = lane?.[0]
    if (following === undefined) lanes.delete(item.key)
    else ready(following)
  }

  return {
    get active() {
      return active
    },
    get resident() {
      return resident
    },
    enter(item) {
      resident += 1
      bytes += item.bytes
      if (item.key === null) return ready(item)
      const lane = lanes.get(item.key)
      if (lane) lane.push(item)
      else {
        lanes.set(item.key, [item])
        ready(item)
      }
    },
    rest() {
      active -= 1
      pump()
    },
    ready,
    leave(item, running) {
      if (running) active -= 1
      resident -= 1
      bytes -= item.bytes
      next(item)
      pump()
      if (!hasRoom()) return
      for (const wake of waiting) wake()
      waiting.clear()
    },
    async room(signal) {
      while (!hasRoom() && !signal.aborted)
        await new Promise<void>((resolve) => {
          waiting.add(resolve)
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
    },
    close() {
      isClosed = true
      turn = []
    },
  }
}
