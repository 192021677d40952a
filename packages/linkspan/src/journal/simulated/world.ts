import { childId, rootId } from '../../model/message-id.ts'
import type {
  AcceptedAt,
  Batch,
  Committed,
  NewMessage,
  RecordFrame,
  Settlement,
  StateChange,
  Wait,
} from '../journal.ts'
import { createPlaces, type Places } from './places.ts'

/** A message as it lies on the simulated disk. */
export interface Kept {
  readonly seq: number
  readonly id: string
  readonly message: NewMessage
}

/** A dedupe key with the message that has it. */
export interface Seen {
  readonly seq: number
  readonly id: string
  readonly until: number
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
  readonly seen: Map<string, Seen>
  readonly cursors: Map<string, string>
  readonly head: Head
}

/** What the world knows of itself. */
export interface Head {
  lastSeq: number
  lowWater: number
  clean: boolean
  /** The last batch of the present owner with its answer. */
  last: { readonly id: number; readonly committed: Committed } | null
}

/** Makes an empty world. */
export function createWorld(): World {
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
    head: { lastSeq: 0, lowWater: 0, clean: true, last: null },
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
  }
}

/** Two words as one map key. */
export const pair = (a: string | number, b: string): string => `${String(a).length}:${a}${b}`

/** Applies a batch, all of it at once. */
export function applyBatch(world: World, batch: Batch): Committed {
  refuseRepeatedFrames(world, batch)
  const accepted = batch.accept.map((message) => accept(world, message))
  for (const frame of batch.records) addRecord(world, frame)
  for (const wait of batch.revive) revive(world, wait)
  for (const wait of batch.waits) if (!world.endings.has(wait.seq)) putWait(world, wait)
  for (const settlement of batch.settle) settle(world, settlement)
  for (const change of batch.state) changeState(world, change)
  for (const { name, value } of batch.cursors) world.cursors.set(name, value)
  world.head.lowWater = Math.max(world.head.lowWater, batch.lowWater)
  world.head.last = { id: batch.id, committed: { accepted } }
  return { accepted }
}

function accept(world: World, message: NewMessage): AcceptedAt {
  const seq = world.head.lastSeq + 1
  const { parent } = message
  const id = parent === null ? rootId(seq, message.token) : childId(parent.id, parent.path, parent.index)
  const earlier = siblingOf(world, message) ?? rememberedOf(world, message, seq, id)
  if (earlier !== null) return { seq: earlier.seq, duplicateOf: earlier }
  world.head.lastSeq = seq
  world.messages.set(seq, { seq, id, message })
  world.places.add(seq)
  if (parent !== null) {
    placesOf(world.children, parent.seq).add(seq)
    world.siblings.set(sibling(parent), seq)
    countOpen(world, message, 1)
  }
  if (message.ready) {
    const { flow, key } = message
    const waiter = parent?.awaited ? parent.seq : null
    putWait(world, { seq, flow, key, reason: 'ready', wakeAt: null, hold: false, parent: waiter, attempt: 0 })
  }
  return { seq, duplicateOf: null }
}

function siblingOf(world: World, { parent }: NewMessage): { seq: number; id: string } | null {
  if (parent === null) return null
  const seq = world.siblings.get(sibling(parent))
  return seq === undefined ? null : { seq, id: (world.messages.get(seq) as Kept).id }
}

function sibling({ seq, path, index }: { seq: number; path: string; index: number }): string {
  return pair(seq, pair(index, path))
}

function rememberedOf(
  world: World,
  { dedupe, acceptedAt }: NewMessage,
  seq: number,
  id: string,
): { seq: number; id: string } | null {
  if (dedupe === null) return null
  const key = pair(dedupe.scope, dedupe.key)
  const seen = world.seen.get(key)
  if (seen !== undefined && seen.until > acceptedAt) return { seq: seen.seq, id: seen.id }
  world.seen.set(key, { seq, id, until: dedupe.until })
  return null
}

function addRecord(world: World, frame: RecordFrame): void {
  const frames = world.records.get(frame.seq) ?? []
  const sorted = [...frames, frame].sort((a, b) => a.n - b.n)
  world.records.set(frame.seq, sorted)
}

/** Before anything is applied, as a batch is written whole or not at all. */
function refuseRepeatedFrames(world: World, batch: Batch): void {
  const inBatch = new Set<string>()
  for (const { seq, n } of batch.records) {
    const name = `${seq}:${n}`
    const before = world.records.get(seq)?.some((frame) => frame.n === n) ?? false
    if (before || inBatch.has(name)) throw new Error(`Frame ${n} of message ${seq} was written before.`)
    inBatch.add(name)
  }
}

function putWait(world: World, wait: Wait): void {
  if (!world.messages.has(wait.seq)) return
  removeWait(world, wait.seq)
  world.waits.set(wait.seq, wait)
  placesOf(world.waiting, wait.flow).add(wait.seq)
  if (wait.parent !== null) placesOf(world.awaited, wait.parent).add(wait.seq)
}

function removeWait(world: World, seq: number): void {
  const wait = world.waits.get(seq)
  if (wait === undefined) return
  world.waits.delete(seq)
  world.waiting.get(wait.flow)?.remove(seq)
  if (wait.parent !== null) world.awaited.get(wait.parent)?.remove(seq)
}

function takeEndingBack(world: World, seq: number): void {
  const before = world.endings.get(seq)
  if (before === undefined) return
  world.endings.delete(seq)
  countOpen(world, (world.messages.get(seq) as Kept).message, 1)
  if (before.frame !== null) addRecord(world, { seq, n: before.n, frame: before.frame })
}

function revive(world: World, wait: Wait): void {
  if (!world.messages.has(wait.seq)) return
  takeEndingBack(world, wait.seq)
  putWait(world, wait)
}

function settle(world: World, settlement: Settlement): void {
  const kept = world.messages.get(settlement.seq)
  if (kept === undefined) return
  takeEndingBack(world, settlement.seq)
  removeWait(world, settlement.seq)
  world.endings.set(settlement.seq, settlement)
  countOpen(world, kept.message, -1)
}

function countOpen(world: World, { parent }: NewMessage, by: number): void {
  if (parent === null) return
  const key = pair(parent.seq, parent.path)
  world.openChildren.set(key, (world.openChildren.get(key) ?? 0) + by)
}

function changeState(world: World, change: StateChange): void {
  const cells = world.state.get(change.scope) ?? new Map<string, StateChange>()
  world.state.set(change.scope, cells)
  if (change.value === null) cells.delete(change.key)
  else cells.set(change.key, change)
}

function placesOf<Key>(map: Map<Key, Places>, key: Key): Places {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = createPlaces()
  map.set(key, made)
  return made
}

/** Forgets a message with all that belongs to it. */
export function forget(world: World, seq: number): void {
  const parent = world.messages.get(seq)?.message.parent ?? null
  if (parent !== null) {
    world.children.get(parent.seq)?.remove(seq)
    world.siblings.delete(sibling(parent))
  }
  world.messages.delete(seq)
  world.places.remove(seq)
  world.records.delete(seq)
  world.endings.delete(seq)
}

/** Whether a message has children that have not ended. */
export function hasOpenChildren(world: World, seq: number): boolean {
  for (const child of world.children.get(seq)?.above(-1) ?? []) if (!world.endings.has(child)) return true
  return false
}
