import { childId, rootId } from '../../model/message-id.ts'
import type {
  AcceptedAt,
  Batch,
  Committed,
  NewMessage,
  PlacedMessage,
  RecordFrame,
  Settlement,
  StateChange,
  Wait,
} from '../journal.ts'
import { change, type MemberRow, putMail } from './cluster.ts'
import { createPlaces, type Places } from './places.ts'
import { type Kept, pair, type World } from './world.ts'

/** Applies a member's batch, all of it at once. */
export function applyBatch(world: World, batch: Batch, member: number): Committed {
  const fresh = batch.state.map((change) => isFresh(world, change))
  refuseRepeatedFrames(world, [
    ...batch.records,
    ...batch.state.flatMap(({ basedOn }, at) => (fresh[at] && basedOn?.frame) || []),
  ])
  for (const message of batch.accept) refuseForeign(world, message, member)
  const accepted = batch.accept.map((message) => accept(world, message, member))
  for (const frame of batch.records) addRecord(world, frame)
  for (const wait of batch.revive) revive(world, wait)
  for (const wait of batch.waits) if (!world.endings.has(wait.seq)) putWait(world, wait)
  for (const settlement of batch.settle) settle(world, settlement)
  for (const [at, change] of batch.state.entries()) if (fresh[at]) changeState(world, change)
  for (const { name, value } of batch.cursors)
    if (value === null) world.cursors.delete(name)
    else world.cursors.set(name, value)
  const stale = [...fresh.keys()].filter((at) => !fresh[at])
  const committed = stale.length === 0 ? { accepted } : { accepted, stale }
  const { lowWater } = world.cluster.members.get(member) as MemberRow
  const last = { id: batch.id, committed }
  change(world.cluster, member, { lowWater: Math.max(lowWater, batch.lowWater), last })
  return committed
}

function accept(world: World, message: NewMessage, member: number): AcceptedAt {
  const seq = world.head.lastSeq + 1
  const { parent } = message
  const id = parent === null ? rootId(seq, message.token) : childId(parent.id, parent.path, parent.index)
  const earlier = siblingOf(world, message) ?? rememberedOf(world, message, seq, id)
  if (earlier !== null) return { seq: earlier.seq, duplicateOf: earlier }
  world.head.lastSeq = seq
  keep(world, { seq, id, message })
  return begin(world, seq, message, member)
}

function keep(world: World, { seq, id, message }: Kept): void {
  const { parent } = message
  world.messages.set(seq, { seq, id, message })
  world.places.add(seq)
  if (parent === null) return
  placesOf(world.children, parent.seq).add(seq)
  world.siblings.set(sibling(parent), seq)
  countOpen(world, message, 1)
}

/** Puts a message of another journal at the place that it has there. */
export function addMoved(world: World, moved: PlacedMessage, message: NewMessage): void {
  const { seq, records, wait, ending } = moved
  const { parent, token } = message
  const id = parent === null ? rootId(seq, token) : childId(parent.id, parent.path, parent.index)
  keep(world, { seq, id, message })
  for (const frame of records) addRecord(world, { seq, ...frame })
  if (ending !== null) settle(world, ending)
  else if (wait !== null) putWait(world, wait)
}

/** An accepted message waits for its turn or runs, here or elsewhere. */
function begin(world: World, seq: number, message: NewMessage, member: number): AcceptedAt {
  const { cluster } = world
  const { flow, key, partition, parent, ready, handOver, handedUpTo } = message
  const handed = cluster.mail.get(member)?.get(flow) ?? 0
  const behind = !ready && key !== null && parent === null && handed > handedUpTo
  if (ready || behind) {
    const waiter = parent?.awaited ? parent.seq : null
    const wait = { seq, flow, key, wakeAt: null, hold: false, parent: waiter, attempt: 0 }
    putWait(world, { ...wait, reason: 'ready' })
  } else change(cluster, member, { ran: seq })
  if (handOver) putMail(cluster, partition, flow, seq)
  return behind ? { seq, duplicateOf: null, behind } : { seq, duplicateOf: null }
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
  world.seen.set(key, { ...dedupe, seq, id })
  return null
}

function addRecord(world: World, frame: RecordFrame): void {
  const frames = world.records.get(frame.seq) ?? []
  const sorted = [...frames, frame].sort((a, b) => a.n - b.n)
  world.records.set(frame.seq, sorted)
}

/** Before anything is applied, as a batch is written whole or not at all. */
function refuseRepeatedFrames(world: World, frames: readonly RecordFrame[]): void {
  const inBatch = new Set<string>()
  for (const { seq, n } of frames) {
    const name = `${seq}:${n}`
    const before = world.records.get(seq)?.some((frame) => frame.n === n) ?? false
    if (before || inBatch.has(name)) throw new Error(`Frame ${n} of message ${seq} was written before.`)
    inBatch.add(name)
  }
}

/** A real journal need not notice this; here it shows what is wrong in an engine. */
function refuseForeign({ cluster }: World, { partition, ready, flow }: NewMessage, member: number): void {
  const row = cluster.partitions.get(partition)
  if (row === undefined) throw new Error(`There is no partition ${partition} of ${cluster.partitions.size}.`)
  if (ready || row.owner === member) return
  const what = `A message of ${flow} is to run at once in partition ${partition}`
  throw new Error(`${what}, which member ${member} does not own.`)
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

/** Whether a cell still has the value that a change was made from. */
function isFresh(world: World, { scope, key, basedOn }: StateChange): boolean {
  if (basedOn === undefined) return true
  const cell = world.state.get(scope)?.get(key)
  const alive = cell !== undefined && (cell.until === null || cell.until > basedOn.at)
  const value = alive ? cell.value : null
  if (value === null || basedOn.value === null) return value === basedOn.value
  return Buffer.compare(value, basedOn.value) === 0
}

function changeState(world: World, change: StateChange): void {
  if (change.basedOn?.frame) addRecord(world, change.basedOn.frame)
  for (const cell of change.basedOn?.along ?? []) changeState(world, cell)
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
