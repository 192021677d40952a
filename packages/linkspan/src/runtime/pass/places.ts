import { turnPlace, turnsAt } from '../../model/step-place.ts'
import type { StepResult } from '../../patterns/pattern.ts'
import { lastly } from './now-or-later.ts'

type Run = () => StepResult | Promise<StepResult>

/** A turn of a repeated scope: where the paths that begin with `within` are in the record. */
interface Turn {
  readonly within: string
  readonly place: string
  readonly outer: Turn | null
}

/** Where the steps of a pass are in the record: a step of a repeated scope has a place in each of its turns. */
export class Places {
  /** The turns that the pass is in, the innermost first. */
  #turns: Turn | null = null

  /** Whether a step's place is its path. */
  get arePaths(): boolean {
    return this.#turns === null
  }

  at(path: string): string {
    for (let scope = this.#turns; scope !== null; scope = scope.outer)
      if (path.startsWith(scope.within)) return scope.place + path.slice(scope.within.length)
    return path
  }

  /** Runs one turn of the scope of a step. */
  inTurn(path: string, turn: number, run: Run): StepResult | Promise<StepResult> {
    const place = `${turnPlace(this.at(path), turn)}/`
    return this.#during({ within: `${path}/`, place, outer: this.#turns }, run)
  }

  /** Runs what is at a place, in the turns that the place is in. */
  from(place: string, run: Run): StepResult | Promise<StepResult> {
    const turns = turnsAt(place).reduce<Turn | null>((outer, turn) => ({ ...turn, outer }), null)
    return this.#during(turns, run)
  }

  #during(turns: Turn | null, run: Run): StepResult | Promise<StepResult> {
    const before = this.#turns
    this.#turns = turns
    return lastly(run, () => {
      this.#turns = before
    })
  }
}
