/** Modules and whom they import; an erased edge exists for the compiler only. */
export type ImportGraph = ReadonlyMap<string, ReadonlyMap<string, { readonly erased: boolean }>>

/** A shortest way from a module back to itself. `erased`: it closes only through types. */
export interface Cycle {
  readonly path: readonly string[]
  readonly erased: boolean
}

/**
 * The cycles of an import graph: of each knot of modules that reach one another, a shortest cycle
 * through values if there is one, else a shortest through types. No cycle, no entry.
 */
export function cyclesOf(graph: ImportGraph): readonly Cycle[] {
  const values = search(graph, false)
  const seen = new Set(values.flatMap(({ path }) => path))
  const withTypes = search(graph, true).filter(({ path }) => !path.every((module) => seen.has(module)))
  return [...values, ...withTypes]
}

function search(graph: ImportGraph, withTypes: boolean): readonly Cycle[] {
  const done = new Set<string>()
  const cycles: Cycle[] = []
  for (const start of [...graph.keys()].sort()) {
    if (done.has(start)) continue
    const path = wayBack(graph, start, withTypes)
    if (path === undefined) continue
    for (const module of path) done.add(module)
    cycles.push({ path, erased: withTypes })
  }
  return cycles
}

/** Breadth first from a module until an edge leads back to it. */
function wayBack(graph: ImportGraph, start: string, withTypes: boolean): readonly string[] | undefined {
  const ways = new Map<string, readonly string[]>([[start, [start]]])
  for (const [module, way] of ways) {
    for (const [next, { erased }] of graph.get(module) ?? []) {
      if (erased && !withTypes) continue
      if (next === start) return way
      if (!ways.has(next)) ways.set(next, [...way, next])
    }
  }
  return undefined
}
