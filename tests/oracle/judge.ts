/** Holds what Linkspan made of a case against what Camel did. */
import type { Camel } from './camel.ts'
import type { Case, Outcome } from './case.ts'
import { isSame, linesOf } from './compare.ts'
import { DIFFERENCES, type Difference } from './differences.ts'
import type { Model } from './models/model.ts'

/** What became of a case. */
export interface Verdict {
  /** Null where the machine was too late to judge by time. */
  readonly same: boolean | null
  /** The differences without which it would not be the same. */
  readonly observed: readonly string[]
  /** What is not the same, in words. */
  readonly says: string
  /** What Linkspan has to come to, as far as it is compared. */
  readonly expected: Outcome | null
  /** Shows of an outcome of Linkspan's what is compared. */
  readonly view: View
}

type View = (outcome: Outcome) => Outcome
type AskCamel = Pick<Camel, 'run'>

/** Judges Linkspan's outcome of a case. */
export async function judge(
  one: Case,
  ours: Outcome,
  camel: AskCamel,
  differences: readonly Difference[] = DIFFERENCES,
): Promise<Verdict> {
  const plain = await camel.run(one)
  if (plain === null) return unjudged
  const modelled = byModels(one, plain, ours, differences)
  if (modelled !== null) return modelled
  const cases = differences.filter((each) => caseBy(each, one) !== null)
  const expected = cases.length === 0 ? plain : await camel.run(caseWith(one, cases))
  if (expected === null) return unjudged
  const views = differences.filter((each) => viewBy(each, one) !== null)
  const view = viewOf(one, views)
  const same = isSame(one, view(expected), view(ours))
  const observed = same ? await observedOf() : []
  return {
    same,
    observed,
    says: same ? '' : said(one, view(expected), view(ours)),
    expected: view(expected),
    view,
  }

  /** Each difference is left out in turn. */
  async function observedOf(): Promise<readonly string[]> {
    const found: string[] = []
    for (const each of cases) {
      const others = cases.filter((other) => other !== each)
      const without = others.length === 0 ? plain : await camel.run(caseWith(one, others))
      if (without !== null && !isSame(one, view(without), view(ours))) found.push(each.id)
    }
    for (const each of views) {
      const other = viewOf(
        one,
        views.filter((kept) => kept !== each),
      )
      if (!isSame(one, other(expected as Outcome), other(ours))) found.push(each.id)
    }
    return found
  }
}

const unjudged: Verdict = { same: null, observed: [], says: '', expected: null, view: (outcome) => outcome }

function caseBy({ by }: Difference, one: Case): Case | null {
  return by.kind === 'case' ? by.of(one) : null
}

function viewBy({ by }: Difference, one: Case): View | null {
  return by.kind === 'view' ? by.of(one) : null
}

function caseWith(one: Case, differences: readonly Difference[]): Case {
  return differences.reduce((at, each) => caseBy(each, at) ?? at, one)
}

function viewOf(one: Case, differences: readonly Difference[]): View {
  return (outcome) => differences.reduce((at, each) => viewBy(each, one)?.(at) ?? at, outcome)
}

/** Where a model knows the case: it has to come to what both did. */
function byModels(
  one: Case,
  plain: Outcome,
  ours: Outcome,
  differences: readonly Difference[],
): Verdict | null {
  for (const { by } of differences) {
    if (by.kind !== 'model') continue
    const { model } = by
    const camels = model(one, new Set())
    if (camels === null) continue
    return byModel(one, { camels, plain, ours }, model, idsOf(model, differences))
  }
  return null
}

function idsOf(model: Model, differences: readonly Difference[]): readonly string[] {
  return differences.flatMap(({ id, by }) => (by.kind === 'model' && by.model === model ? [id] : []))
}

function byModel(
  one: Case,
  { camels, plain, ours }: Readonly<Record<'camels' | 'plain' | 'ours', Outcome>>,
  model: Model,
  ids: readonly string[],
): Verdict {
  const view: View = (outcome) => outcome
  const expected = model(one, new Set(ids)) as Outcome
  const told = isSame(one, camels, plain)
  const same = told && isSame(one, expected, ours)
  const without = (id: string): Outcome => model(one, new Set(ids.filter((each) => each !== id))) as Outcome
  return {
    same,
    observed: same ? ids.filter((id) => !isSame(one, without(id), ours)) : [],
    says: same
      ? ''
      : told
        ? said(one, expected, ours)
        : `the model is not what Camel does: ${said(one, plain, camels)}`,
    expected,
    view,
  }
}

/** The first lines that are not the same. */
function said(one: Case, expected: Outcome, given: Outcome): string {
  const [wanted, had] = [linesOf(one, expected), linesOf(one, given)]
  const at = wanted.findIndex((line, index) => line !== had[index])
  const place = at === -1 ? wanted.length : at
  return `expected ${wanted[place] ?? 'nothing more'}, not ${had[place] ?? 'nothing more'}`
}
