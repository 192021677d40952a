import type { StateReader } from '../../journal/journal.ts'
import type { BudgetRules } from '../../model/budget.ts'
import type { Json } from '../../model/message.ts'
import type { Clock } from '../../model/outside.ts'
import { openCell, sealCell } from '../codec.ts'
import type { Committer } from '../committer.ts'
import { type Allowance, type Ask, allot, type Share, untouched } from './allowance.ts'

/** The allowance of one budget in the journal, which all engines change. */
export interface AllowanceCell {
  /**
   * Takes for this engine what can be had. Resolves when that is durable, so no crash gives it out again. Rejects when
   * the journal has failed. One call at a time.
   */
  take(ask: Ask): Promise<Share>
}

/** The scope of the cells of budgets; no step's scope is named so. */
const SCOPE = 'linkspan:budget'

/** Makes the access to a budget. It is written only if no other engine wrote meanwhile; else it is taken of anew. */
export function createAllowanceCell(
  connection: string,
  rules: BudgetRules,
  parts: { readonly reader: StateReader; readonly committer: Committer; readonly clock: Clock },
): AllowanceCell {
  const { reader, committer, clock } = parts

  const put = (value: Uint8Array, before: Uint8Array | null): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const basedOn = { value: before, at: clock.now(), frame: null }
      committer.state({ scope: SCOPE, key: connection, value, until: null, basedOn }, resolve, reject)
    })

  return {
    async take(asked) {
      for (;;) {
        const bytes = await reader.get(SCOPE, connection)
        const known = bytes && (openCell(bytes, SCOPE, connection).v as unknown as Allowance)
        const { now, at } = asked
        const late = clock.now() - now
        const { after, share } = allot(rules, known ?? untouched(rules), {
          ...asked,
          now: now + late,
          at: at + late,
        })
        const sealed = sealCell({ v: after as unknown as Json, u: null }, SCOPE, connection)
        if (await put(sealed, bytes)) return share
      }
    },
  }
}
