import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join } from 'node:path'
import { npm, run, tool, tsc } from './lib/command.ts'
import { cache, filesBelow, isTemplate } from './lib/files.ts'
import { importsOf } from './lib/imports.ts'
import { type Manifest, moduleSpecifiers, type Package, publishedPackages } from './lib/packages.ts'

/** A folder in which the packages lie as npm would unpack them: only the files that are published. */
const folder = join(cache, 'package-check')

type Check = (pkg: Package) => Promise<readonly string[]>

const checks: readonly Check[] = [lint, undeclared, importEach, checkTypes, startBins, readPages]

async function lint(pkg: Package): Promise<readonly string[]> {
  const { code, output } = await run({ ...tool('publint/src/cli.js', '--strict', '.'), folder: pkg.folder })
  return code === 0 ? [] : [`publint is not content:\n${output.trim()}`]
}

/** Copies what `npm pack` would put into the package, and nothing else. */
async function unpack({ folder: from, manifest }: Package): Promise<readonly string[]> {
  const { code, output } = await run({
    ...npm('pack', '--dry-run', '--json', '--ignore-scripts'),
    folder: from,
  })
  if (code !== 0) return [`npm pack failed:\n${output.trim()}`]
  const listed = JSON.parse(output.slice(output.search(/^\[/m), output.lastIndexOf(']') + 1)) as readonly {
    readonly files: readonly { readonly path: string }[]
  }[]
  for (const { path } of listed.flatMap(({ files }) => files)) {
    const target = join(unpacked(manifest), path)
    mkdirSync(dirname(target), { recursive: true })
    cpSync(join(from, path), target)
  }
  return []
}

function unpacked({ name }: Manifest): string {
  return join(folder, 'node_modules', name)
}

/** Packages that the published code loads without naming them in its package.json: they work here by chance only. */
async function undeclared({ manifest }: Package): Promise<readonly string[]> {
  const declared = new Set([
    manifest.name,
    ...Object.keys({
      ...manifest.dependencies,
      ...manifest.peerDependencies,
      ...manifest.optionalDependencies,
    }),
  ])
  const home = unpacked(manifest)
  return filesBelowDist(home).flatMap((path) =>
    importsOf(readFileSync(join(home, path), 'utf8'))
      .filter(({ specifier }) => isForeign(specifier) && !declared.has(packageOf(specifier)))
      .map(
        ({ specifier, line }) => `${path}:${line}: loads '${specifier}', which is not in its dependencies`,
      ),
  )
}

/** `filesBelow` leaves dist folders out, and dist is what is published. */
function filesBelowDist(home: string): readonly string[] {
  const isCode = (path: string) => /\.(?:js|d\.ts)$/.test(path) && !isTemplate(path)
  return [
    ...filesBelow(home, isCode),
    ...filesBelow(join(home, 'dist'), isCode).map((path) => `dist/${path}`),
  ]
}

function isForeign(specifier: string): boolean {
  return !/^(?:\.|node:|#)/.test(specifier) && !builtinModules.includes(specifier)
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Every sub-path, imported by a plain Node: no `source` condition, no TypeScript. */
async function importEach({ manifest }: Package): Promise<readonly string[]> {
  const faults = await Promise.all(
    moduleSpecifiers(manifest).map(async (specifier) => {
      const text = `const m = await import('${specifier}'); if (Object.keys(m).length === 0) throw new Error('it exports nothing')`
      const { code, output } = await run({
        file: process.execPath,
        args: ['--input-type=module', '--eval', text],
        folder,
        limitMs: 30_000,
      })
      return code === 0 ? undefined : `import of '${specifier}' from the package failed:\n${output.trim()}`
    }),
  )
  return faults.filter((fault) => fault !== undefined)
}

/** Every sub-path, type-checked as a user without the `source` condition would, the package's declarations included. */
async function checkTypes({ manifest }: Package): Promise<readonly string[]> {
  const specifiers = moduleSpecifiers(manifest)
  if (specifiers.length === 0) return []
  const lines = specifiers.map((specifier, at) => `export * as m${at} from '${specifier}'\n`)
  writeFileSync(join(folder, 'user.ts'), lines.join(''))
  const options = '--module nodenext --target es2024 --strict --noEmit --types node --pretty false'
  const { code, output } = await run({ ...tsc(...options.split(' '), 'user.ts', '--ignoreConfig'), folder })
  const ours = output
    .split('\n')
    .filter((line) => line.startsWith('user.ts') || line.includes(`node_modules/${manifest.name}/`))
  if (code !== 0 && !/^\S+\(\d+,\d+\): error/m.test(output)) return [`tsc failed:\n${output.trim()}`]
  return ours.length === 0 ? [] : [`a user's compiler is not content:\n${ours.join('\n')}`]
}

async function startBins({ manifest }: Package): Promise<readonly string[]> {
  const faults = await Promise.all(
    Object.entries(manifest.bin ?? {}).map(async ([name, path]) => {
      const file = join(unpacked(manifest), path)
      if (!existsSync(file)) return `bin ${name}: ${path} is not among the published files`
      const { code, output } = await run({
        file: process.execPath,
        args: [file, '--help'],
        folder,
        limitMs: 30_000,
      })
      if (code !== 0) return `bin ${name} --help ended with ${code}:\n${output.trim()}`
      return output.includes('Usage') ? undefined : `bin ${name} --help printed no usage:\n${output.trim()}`
    }),
  )
  return faults.filter((fault) => fault !== undefined)
}

/** Every page that `linkspan doc` lists is in the package. */
async function readPages({ manifest }: Package): Promise<readonly string[]> {
  const bin = manifest.bin?.['linkspan']
  if (bin === undefined) return []
  const doc = async (...words: readonly string[]) => {
    const args = [join(unpacked(manifest), bin), 'doc', ...words, '--json']
    return run({ file: process.execPath, args, folder, limitMs: 30_000 })
  }
  const list = await doc()
  if (list.code !== 0) return [`linkspan doc ended with ${list.code}:\n${list.output.trim()}`]
  const entries = JSON.parse(list.output) as readonly Readonly<Record<'name' | 'slug' | 'state', string>>[]
  const [first, ...others] = entries.filter(({ state }) => state === 'shown')
  if (first === undefined) return ['linkspan doc lists no pattern with a page']
  const { code, output } = await doc(first.name)
  if (code !== 0 || !output.includes(`# ${first.name}`))
    return [`linkspan doc "${first.name}" ended with ${code}:\n${output}`]
  const pages = join(unpacked(manifest), 'dist', 'pages', 'patterns')
  return others
    .map(({ slug }) => join(pages, `${slug}.md`))
    .filter((page) => !existsSync(page))
    .map((page) => `${page}, which linkspan doc reads, is not among the published files`)
}

async function faultsOf(pkg: Package): Promise<readonly string[]> {
  const faults: string[] = []
  for (const check of checks) faults.push(...(await check(pkg)))
  return faults.map((fault) => `${pkg.manifest.name}: ${fault}`)
}

async function main(): Promise<void> {
  const packages = publishedPackages()
  if (packages.length === 0) throw new Error('packages/ holds no package that is published')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  const faults: string[] = []
  for (const pkg of packages) faults.push(...(await unpack(pkg)))
  for (const pkg of packages) faults.push(...(await faultsOf(pkg)))
  for (const fault of faults) console.error(fault)
  console.log(
    `packages: ${packages.map(({ manifest }) => manifest.name).join(', ')}: ${faults.length} faults`,
  )
  process.exitCode = faults.length === 0 ? 0 : 1
}

if (import.meta.main) await main()
