import type { StateReader } from '../journal/journal.ts'
import type { Clock } from '../model/outside.ts'
import type { CellChange } from '../patterns/pattern.ts'
import { type CellRecorder, type Cells, countedAt, listCells } from './cells.ts'
import { openCell, sealAlong, sealCell } from './codec.ts'
import type { Committer } from './committer.ts'
import { createTurns } from './turns.ts'

/**
 * Engine state that several engines change: each change is written only if the cell still has the value it was made from,
 * together with its result on record; otherwise it is made again. One at a time per cell and engine, so that an engine
 * does not stand in its own way.
 */
export function createSharedCells(reader: StateReader, committer: Committer, clock: Clock): Cells {
  const inTurn = createTurns()

  const update = async <Result>(
    scope: string,
    key: string,
    change: CellChange<Result>,
    recorder: CellRecorder<Result>,
  ): Promise<Result> => {
    for (;;) {
      const at = clock.now()
      const bytes = await reader.get(scope, key)
      const {
        value,
        until = null,
        result,
        along = [],
      } = await change(bytes === null ? null : countedAt(openCell(bytes, scope, key), at), at)
      if (value === undefined) {
        recorder.write(result)
        return result
      }
      const frame = recorder.frame(result)
      const sealed = value === null ? null : sealCell({ v: value, u: until }, scope, key)
      const basedOn = { value: bytes, at, frame, along: along.map(sealAlong) }
      const written = await put({ scope, key, value: sealed, until, basedOn })
      if (!written) continue
      recorder.kept(result)
      return result
    }
  }

  const put = (change: Parameters<Committer['state']>[0]): Promise<boolean> =>
    new Promise((resolve, reject) => {
      committer.state(change, resolve, reject)
    })

  return {
    list: (...asked) => listCells(reader, committer, asked),
    update: (scope, key, change, recorder) =>
      inTurn(`${scope}\u0000${key}`, () => update(scope, key, change, recorder)),
  }
}
