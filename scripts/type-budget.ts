import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, tsc } from './lib/command.ts'
import { cache, root } from './lib/files.ts'
import { flowOf, projectOf, type Sources } from './lib/type-budget-templates.ts'
import { excess, minus, type TypeCost, type TypeLimit, typeCostOf } from './lib/type-cost.ts'

/** Each case, and the smallest case that shares its fixed cost: the library's own sources. */
const cases: Readonly<
  Record<string, { readonly make: (count: number) => Sources; readonly smallest: number }>
> = {
  'flow of 200 steps': { make: flowOf, smallest: 7 },
  'project of 200 flows': { make: projectOf, smallest: 1 },
}

const folder = join(cache, 'type-budget')

async function measure(name: string, sources: Sources): Promise<TypeCost> {
  const target = join(folder, name.replaceAll(/\W+/g, '-'))
  lay(target, sources)
  const { code, output } = await run(tsc('-p', target, '--extendedDiagnostics', '--singleThreaded'))
  if (code !== 0)
    throw new Error(`${name} does not type-check:\n${output.split('\n').slice(0, 20).join('\n')}`)
  return typeCostOf(output)
}

function lay(target: string, sources: Sources): void {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(target, name), text)
  writeFileSync(join(target, 'package.json'), '{ "type": "module" }\n')
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: { noEmit: true, rewriteRelativeImportExtensions: false, noUnusedLocals: false },
    files: Object.keys(sources),
  }
  writeFileSync(join(target, 'tsconfig.json'), JSON.stringify(config))
}

async function check(name: string, limit: TypeLimit): Promise<readonly string[]> {
  const known = cases[name]
  if (known === undefined)
    return [`scripts/type-budget.json names '${name}', which is no case of type-budget.ts`]
  const base = await measure(`${name}, smallest`, known.make(known.smallest))
  const cost = minus(await measure(name, known.make(limit.count)), base)
  const limits = `limits ${limit.maxInstantiations ?? 'unset'} and ${limit.maxTypes ?? 'unset'}`
  console.log(
    `${name}: ${cost.instantiations} instantiations, ${cost.types} types above the smallest case (${limits}); ` +
      `the smallest case has ${base.instantiations} and ${base.types}`,
  )
  return excess(name, cost, limit)
}

async function main(): Promise<void> {
  const text = readFileSync(join(root, 'scripts', 'type-budget.json'), 'utf8')
  const limits = JSON.parse(text) as Readonly<Record<string, TypeLimit>>
  const unlimited = Object.keys(cases).filter((name) => limits[name] === undefined)
  const faults = unlimited.map((name) => `${name}: has no entry in scripts/type-budget.json`)
  for (const [name, limit] of Object.entries(limits)) {
    faults.push(...(await check(name, limit).catch((error: unknown) => [String(error)])))
  }
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (import.meta.main) await main()
