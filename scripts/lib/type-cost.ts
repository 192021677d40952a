/** What the compiler counts. Counts repeat exactly on one checker; times do not, so they are not used. */
export interface TypeCost {
  readonly instantiations: number
  readonly types: number
}

/** What a case may cost above the smallest case; `null` where nobody has set it yet. */
export interface TypeLimit {
  readonly count: number
  readonly maxInstantiations: number | null
  readonly maxTypes: number | null
}

/** Reads the counts from what `tsc --extendedDiagnostics` prints. Throws when they are not there. */
export function typeCostOf(diagnostics: string): TypeCost {
  return { instantiations: counted(diagnostics, 'Instantiations'), types: counted(diagnostics, 'Types') }
}

function counted(diagnostics: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+)$`, 'm').exec(diagnostics)
  if (found === null) throw new Error(`tsc printed no line '${name}: <number>' with --extendedDiagnostics`)
  return Number(found[1])
}

export function minus(cost: TypeCost, base: TypeCost): TypeCost {
  return { instantiations: cost.instantiations - base.instantiations, types: cost.types - base.types }
}

/** Why a cost is not within its limit, one sentence per count; empty when it is. */
export function excess(name: string, cost: TypeCost, limit: TypeLimit): readonly string[] {
  return [
    judge(name, 'instantiations', cost.instantiations, limit.maxInstantiations),
    judge(name, 'types', cost.types, limit.maxTypes),
  ].filter((fault) => fault !== undefined)
}

function judge(name: string, what: string, used: number, limit: number | null): string | undefined {
  if (limit === null)
    return `${name}: no limit of ${what} is set, ${used} were used. Set it in scripts/type-budget.json`
  if (used <= 0)
    return `${name}: ${used} ${what} above the smallest case cannot be right: the case checks nothing`
  if (used > limit)
    return `${name}: ${used} ${what}, the limit is ${limit}. Find what made the types dearer, or raise it`
  return undefined
}
