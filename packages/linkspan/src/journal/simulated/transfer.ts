import { LinkspanError } from '../../model/errors.ts'
import type {
  Grant,
  JournalTransfer,
  MovedMessage,
  Name,
  NewMessage,
  PlacedMessage,
  SourceFacts,
  TransferCounts,
  TransferPage,
  TransferRequest,
  TransferSource,
  TransferTarget,
} from '../journal.ts'
import { notEmptyError, otherSourceError, refuseDifferentCounts, refuseUnfit } from '../transfer-errors.ts'
import { addMoved } from './applying.ts'
import { PLACE, refuseCopying } from './copying.ts'
import type { Disk } from './opening.ts'
import { copyWorld, createWorld, type Kept, pair, type World } from './world.ts'

/** Copying a simulated journal, or another one to it. */
export function simulatedTransfer(disk: Disk): JournalTransfer {
  return {
    openSource: async () => sourceOf(disk),
    openTarget: async (_environment, request) => targetOf(disk, request),
  }
}

function refuseOwners({ openings }: Disk): void {
  if (openings.size > 0)
    throw new LinkspanError('JOURNAL_IN_USE', `An engine has ${PLACE}. Stop it or crash it first.`)
}

function sourceOf(disk: Disk): TransferSource {
  refuseOwners(disk)
  refuseCopying(disk.copying)
  const { messages } = disk.world
  return {
    name: 'simulated',
    facts: async () => {
      refuseOwners(disk)
      const { world, commits } = disk
      const version = `${commits} ${world.cluster.members.size} ${world.messages.size}`
      return { journal: 'simulated', version, lastSeq: world.head.lastSeq, counts: countAll(world) }
    },
    messages: async (after, limit) => {
      const seqs = [...disk.world.places.above(after).take(limit)]
      return seqs.map((seq) => movedOf(disk.world, messages.get(seq) as Kept))
    },
    cells: async (after, limit) => page(cellsOf(disk.world), after, limit),
    dedupeKeys: async (after, limit) => page([...disk.world.seen.values()], after, limit),
    cursors: async () => [...disk.world.cursors].map(([name, value]) => ({ name, value })),
    orphans: async () => orphansOf(disk.world),
    close: async () => {},
  }
}

function orphansOf({ cluster, head }: World): readonly Grant[] {
  const died = (member: number | undefined): boolean => cluster.members.get(member ?? -1)?.closed === false
  return [...cluster.partitions].flatMap(([partition, row]) => {
    const member = row.died?.member ?? row.owner ?? undefined
    return row.died === null && !died(member)
      ? []
      : [{ partition, died: { member: member as number, upTo: head.lastSeq } }]
  })
}

function cellsOf({
  state,
}: World): { scope: string; key: string; value: Uint8Array; until: number | null }[] {
  return [...state.values()].flatMap((cells) =>
    [...cells.values()].flatMap(({ scope, key, value, until }) =>
      value === null ? [] : [{ scope, key, value, until }],
    ),
  )
}

/** In the order of insertion, which stands still. */
function page<Row extends Name>(rows: readonly Row[], after: Name | null, limit: number): readonly Row[] {
  const from =
    after === null ? 0 : rows.findIndex(({ scope, key }) => scope === after.scope && key === after.key) + 1
  return rows.slice(from, from + limit)
}

function countAll(world: World): TransferCounts {
  return {
    messages: world.messages.size,
    cells: cellsOf(world).length,
    dedupeKeys: world.seen.size,
    cursors: world.cursors.size,
  }
}

function movedOf({ records, waits, endings }: World, { seq, message }: Kept): MovedMessage {
  const { flow, key, token, acceptedAt, codeVersion, headers, body, index, parent, partition } = message
  return {
    seq,
    flow,
    key,
    token,
    acceptedAt,
    codeVersion,
    headers,
    body,
    index,
    parent:
      parent === null ? null : { seq: parent.seq, id: parent.id, path: parent.path, index: parent.index },
    partition,
    records: (records.get(seq) ?? []).map(({ n, frame }) => ({ n, frame })),
    wait: waits.get(seq) ?? null,
    ending: endings.get(seq) ?? null,
  }
}

function targetOf(disk: Disk, { source, anew }: TransferRequest): TransferTarget {
  refuseOwners(disk)
  if (anew) disk.copying = null
  const { journal, version } = source
  if (disk.copying === null) {
    const { head, state, cursors } = disk.world
    if (head.lastSeq > 0 || state.size > 0 || cursors.size > 0) throw notEmptyError(PLACE)
    disk.copying = { world: createWorld(disk.partitions), journal, version }
  }
  const copying = disk.copying
  if (copying.journal !== journal || copying.version !== version) throw otherSourceError(PLACE)
  const { messages, places } = copying.world
  const [last = 0] = places.below(Number.MAX_SAFE_INTEGER).take(1)
  return {
    name: 'simulated',
    partitions: disk.partitions,
    present: { seq: last, messages: messages.size },
    put: async (part) => {
      if (disk.copying !== copying) throw new Error('Another copy was begun here.')
      putPage(copying.world, part, disk.partitions)
    },
    finish: async (facts) => finish(disk, copying.world, facts),
    close: async () => {},
  }
}

function putPage(world: World, page: TransferPage, partitions: number): void {
  const { messages = [], cells = [], dedupeKeys = [], cursors = [] } = page
  const [last = 0] = world.places.below(Number.MAX_SAFE_INTEGER).take(1)
  refuseUnfit(messages, last)
  for (const message of messages) addMoved(world, message, newMessage(world, message, partitions))
  for (const cell of cells) {
    const scope = world.state.get(cell.scope) ?? new Map()
    world.state.set(cell.scope, scope.set(cell.key, cell))
  }
  for (const key of dedupeKeys) world.seen.set(pair(key.scope, key.key), key)
  for (const { name, value } of cursors) world.cursors.set(name, value)
}

function newMessage(world: World, moved: PlacedMessage, partitions: number): NewMessage {
  const { flow, key, token, acceptedAt, codeVersion, headers, body, index, parent, wait } = moved
  const home = parent === null ? undefined : world.messages.get(parent.seq)?.message.partition
  return {
    flow,
    key,
    token,
    acceptedAt,
    codeVersion,
    headers,
    body,
    index,
    parent: parent === null ? null : { ...parent, awaited: wait?.parent != null },
    partition: moved.partition ?? home ?? moved.seq % partitions,
    ready: false,
    handOver: false,
    handedUpTo: 0,
    dedupe: null,
  }
}

function finish(disk: Disk, world: World, source: SourceFacts): void {
  refuseDifferentCounts(PLACE, countAll(world), source)
  world.head.lastSeq = source.lastSeq
  disk.world = copyWorld(world)
  disk.copying = null
}
