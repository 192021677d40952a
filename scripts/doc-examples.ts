import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run, tsc } from './lib/command.ts'
import { type Example, markdownExamples, markOf, tsdocExamples } from './lib/examples.ts'
import { cache, filesBelow, isTemplate, isTest, isTypeScript, root } from './lib/files.ts'

const folder = join(cache, 'doc-examples')
const README = 'README.md'
const SOURCES = 'packages/linkspan/src'

interface Laid {
  readonly path: string
  readonly example: Example
}

function collect(): readonly Example[] {
  const guides = filesBelow(join(root, 'docs'), (path) => path.endsWith('.md')).map((path) => `docs/${path}`)
  const readme = existsSync(join(root, README)) ? [README] : []
  const sources = filesBelow(
    join(root, SOURCES),
    (path) => isTypeScript(path) && !isTest(path) && !isTemplate(path),
  )
  return [
    ...[...readme, ...guides].flatMap((file) => markdownExamples(file, read(file))),
    ...sources.map((path) => `${SOURCES}/${path}`).flatMap((file) => tsdocExamples(file, read(file))),
  ]
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

/** An empty subject is an error: a check of nothing must not pass. */
function absences(examples: readonly Example[]): readonly string[] {
  const some = (prefix: string) => examples.some(({ file }) => file.startsWith(prefix))
  return [
    ...(some(README) ? [] : [`${README} is missing or has no block marked ts`]),
    ...(some(SOURCES) ? [] : [`${SOURCES} has no @example with a block marked ts`]),
  ]
}

/** Each file's examples share a folder, so that one can import another that has a name. */
function lay(examples: readonly Example[]): readonly Laid[] {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  const laid = examples.map((example) => ({ path: pathOf(example), example }))
  const twice = laid.find(({ path }, at) => laid.findIndex((other) => other.path === path) !== at)
  if (twice)
    throw new Error(`${twice.example.file}:${twice.example.line}: a second example of that name in the file`)
  for (const { path, example } of laid) write(path, example)
  return laid
}

function pathOf(example: Example): string {
  const mark = markOf(example)
  const name = mark.kind === 'named' ? mark.name : `line-${example.line}.ts`
  return `${example.file.replaceAll(/[^\w-]+/g, '-')}/${name}`
}

/** Without an import or export it would be a script, and its names would meet those of the others. */
function write(path: string, { code }: Example): void {
  const text = code.join('\n')
  const isModule = /^(?:import|export)\b/m.test(text)
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), isModule ? `${text}\n` : `${text}\nexport {}\n`)
}

async function compile(laid: readonly Laid[]): Promise<readonly string[]> {
  const config = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      noEmit: true,
      rewriteRelativeImportExtensions: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    files: laid.map(({ path }) => path),
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { code, output } = await run({ ...tsc('-p', 'tsconfig.json', '--pretty', 'false'), folder })
  if (code === 0) return []
  return output
    .trim()
    .split('\n')
    .map((text) => relocated(text, laid))
}

/** An error of the compiler, told of the place where the example stands. */
function relocated(text: string, laid: readonly Laid[]): string {
  const place = /^(?<path>[^\s(]+)\((?<line>\d+),(?<column>\d+)\): (?<rest>.*)$/.exec(text)?.groups
  const found = laid.find(({ path }) => path === place?.['path'])
  if (place === undefined || found === undefined) return text
  return `${found.example.file}:${found.example.line + Number(place['line']) - 1}: ${place['rest']}`
}

async function main(): Promise<void> {
  const examples = collect()
  const skipped = examples.flatMap((example) => {
    const mark = markOf(example)
    return mark.kind === 'skipped' ? [`${example.file}:${example.line}: not checked: ${mark.reason}`] : []
  })
  const checked = examples.filter((example) => markOf(example).kind !== 'skipped')
  const faults = [...absences(checked), ...(checked.length === 0 ? [] : await compile(lay(checked)))]
  for (const line of skipped) console.log(line)
  for (const fault of faults) console.error(fault)
  console.log(`doc examples: ${checked.length} checked, ${skipped.length} not checked`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  })
}
