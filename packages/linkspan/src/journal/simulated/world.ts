import type { MovedDedupeKey, NewMessage, RecordFrame, Settlement, StateChange, Wait } from '../journal.ts'
import { type Cluster, copyCluster, createCluster } from './cluster.ts'
import { createPlaces, type Places } from './places.ts'

/** A message as it lies on the simulated disk. */
export interface Kept {
  readonly seq: number
  readonly id: string
  readonly message: NewMessage
}

/** What is durable. Its values are never changed in place, so a copy of the maps is a copy of the world. */
export interface World {
  readonly messages: Map<number, Kept>
  readonly places: Places
  readonly records: Map<number, readonly RecordFrame[]>
  readonly endings: Map<number, Settlement>
  readonly waits: Map<number, Wait>
  /** Places of the waiting messages of each flow, and of each parent that waits. */
  readonly waiting: Map<string, Places>
  readonly awaited: Map<number, Places>
  readonly children: Map<number, Places>
  /** Children by parent, path and index. */
  readonly siblings: Map<string, number>
  readonly openChildren: Map<string, number>
  /** By scope, then key. */
  readonly state: Map<string, Map<string, StateChange>>
  readonly seen: Map<string, MovedDedupeKey>
  readonly cursors: Map<string, string>
  /** The highest place given. */
  readonly head: { lastSeq: number }
  readonly cluster: Cluster
}

/** Makes an empty world. */
export function createWorld(partitions: number): World {
  return {
    messages: new Map(),
    places: createPlaces(),
    records: new Map(),
    endings: new Map(),
    waits: new Map(),
    waiting: new Map(),
    awaited: new Map(),
    children: new Map(),
    siblings: new Map(),
    openChildren: new Map(),
    state: new Map(),
    seen: new Map(),
    cursors: new Map(),
    head: { lastSeq: 0 },
    cluster: createCluster(partitions),
  }
}

/** A copy that shares nothing that changes. */
export function copyWorld(world: World): World {
  const places = <Key>(map: Map<Key, Places>): Map<Key, Places> =>
    new Map([...map].map(([key, all]) => [key, all.copy()]))
  return {
    messages: new Map(world.messages),
    places: world.places.copy(),
    records: new Map(world.records),
    endings: new Map(world.endings),
    waits: new Map(world.waits),
    waiting: places(world.waiting),
    awaited: places(world.awaited),
    children: places(world.children),
    siblings: new Map(world.siblings),
    openChildren: new Map(world.openChildren),
    state: new Map([...world.state].map(([scope, cells]) => [scope, new Map(cells)])),
    seen: new Map(world.seen),
    cursors: new Map(world.cursors),
    head: { ...world.head },
    cluster: copyCluster(world.cluster),
  }
}

/** Two words as one map key. */
export const pair = (a: string | number, b: string): string => `${String(a).length}:${a}${b}`
