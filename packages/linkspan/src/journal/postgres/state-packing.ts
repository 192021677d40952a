import type { RecordFrame, StateCell, StateChange } from '../journal.ts'
import { arrayOf } from './binary.ts'
import type { Values } from './commit-parameters.ts'
import { digestOf } from './names.ts'

/** The changes of state of a batch as `commit_1` takes them. */
export interface PackedState {
  readonly values: Values
  /** Frames of changes of which it is known here that they are made. */
  readonly frames: readonly RecordFrame[]
  /** Positions in the batch of what came too late, of those that the database tells. */
  staleOf(told: readonly number[] | null): readonly number[]
}

/** A change that was made from what its engine had read, with its position in the batch. */
interface BasedChange {
  readonly at: number
  readonly change: StateChange
  readonly basedOn: NonNullable<StateChange['basedOn']>
}

/** What becomes of one cell. */
interface Cell {
  /** The database decides. */
  based: BasedChange | null
  /** Written whatever was there, after that. */
  last: StateChange | null
}

/** Takes the changes of each cell together, as if they were made one after the other. */
export function packState(state: readonly StateChange[]): PackedState {
  const cells = new Map<string, Cell>()
  const frames: RecordFrame[] = []
  const stale: number[] = []
  const cellOf = ({ scope, key }: StateChange): Cell => {
    const name = `${scope.length}:${scope}${key}`
    const cell = cells.get(name) ?? { based: null, last: null }
    cells.set(name, cell)
    return cell
  }
  for (const [at, change] of state.entries()) {
    const cell = cellOf(change)
    const { basedOn } = change
    if (basedOn === undefined) cell.last = change
    else if (cell.last === null) cell.based = { at, change, basedOn }
    // The same batch has written the cell before, so what it holds is known.
    else if (isStill(cell.last, basedOn)) {
      cell.last = change
      if (basedOn.frame !== null) frames.push(basedOn.frame)
      for (const along of basedOn.along ?? []) cellOf(along).last = along
    } else stale.push(at)
  }
  const all = [...cells.values()]
  const based = all.flatMap((cell) => cell.based ?? [])
  return {
    values: { ...packLast(all.flatMap(({ last }) => last ?? [])), ...packBased(based) },
    frames,
    staleOf: (told) => [...stale, ...(told ?? [])].sort((a, b) => a - b),
  }
}

function isStill(change: StateChange, { value, at }: BasedChange['basedOn']): boolean {
  const present = change.until === null || change.until > at ? change.value : null
  if (present === null || value === null) return present === value
  return Buffer.compare(present, value) === 0
}

function packLast(changes: readonly StateChange[]): Values {
  const values: Values = {}
  const put = changes.filter(({ value }) => value !== null)
  const gone = changes.filter(({ value }) => value === null)
  if (put.length > 0) {
    values.c_id = arrayOf.uuid(put.map(({ scope, key }) => digestOf(scope, key)))
    values.c_scope = arrayOf.text(put.map(({ scope }) => scope))
    values.c_key = arrayOf.text(put.map(({ key }) => key))
    values.c_until = arrayOf.int8(put.map(({ until }) => until))
    values.c_value = arrayOf.bytea(put.map(({ value }) => value))
  }
  if (gone.length > 0) values.c_gone = arrayOf.uuid(gone.map(({ scope, key }) => digestOf(scope, key)))
  return values
}

function packBased(based: readonly BasedChange[]): Values {
  if (based.length === 0) return {}
  const changes = based.map(({ change }) => change)
  const frames = based.map(({ basedOn }) => basedOn.frame)
  return {
    ...packAlong(based),
    k_at: arrayOf.int4(based.map(({ at }) => at)),
    k_id: arrayOf.uuid(changes.map(({ scope, key }) => digestOf(scope, key))),
    k_scope: arrayOf.text(changes.map(({ scope }) => scope)),
    k_key: arrayOf.text(changes.map(({ key }) => key)),
    k_had: arrayOf.bytea(based.map(({ basedOn }) => basedOn.value)),
    k_when: arrayOf.int8(based.map(({ basedOn }) => basedOn.at)),
    k_value: arrayOf.bytea(changes.map(({ value }) => value)),
    k_until: arrayOf.int8(changes.map(({ until }) => until)),
    k_seq: arrayOf.int8(frames.map((frame) => frame?.seq ?? null)),
    k_n: arrayOf.int4(frames.map((frame) => frame?.n ?? null)),
    k_frame: arrayOf.bytea(frames.map((frame) => frame?.frame ?? null)),
  }
}

/** Cells that are put with a change or not at all, each with the position of that change. */
function packAlong(based: readonly BasedChange[]): Values {
  const along = based.flatMap(({ at, basedOn }) =>
    (basedOn.along ?? []).map((cell): StateCell & { readonly at: number } => ({ at, ...cell })),
  )
  if (along.length === 0) return {}
  return {
    l_at: arrayOf.int4(along.map(({ at }) => at)),
    l_id: arrayOf.uuid(along.map(({ scope, key }) => digestOf(scope, key))),
    l_scope: arrayOf.text(along.map(({ scope }) => scope)),
    l_key: arrayOf.text(along.map(({ key }) => key)),
    l_until: arrayOf.int8(along.map(({ until }) => until)),
    l_value: arrayOf.bytea(along.map(({ value }) => value)),
  }
}
