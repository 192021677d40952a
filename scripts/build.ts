import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { run, tsc } from './lib/command.ts'
import { buildConsole } from './lib/console-build.ts'
import { danglingImports, lostAugmentations, withJsSpecifiers } from './lib/dist-check.ts'
import { cache, filesBelow, isTemplate, isTest, isTypeScript, root } from './lib/files.ts'
import { exportTarget, moduleSpecifiers, type Package, readPackage } from './lib/packages.ts'

const library = readPackage(join(root, 'packages', 'linkspan'))
const source = join(library.folder, 'src')
const dist = join(library.folder, 'dist')
const pagesSource = join(root, 'docs', 'patterns')

async function build(): Promise<readonly string[]> {
  clean()
  const { code, output } = await run(tsc('-b', '--force', library.folder))
  if (code !== 0) return [output.trim() || `tsc ended with code ${code}`]
  rewriteDeclarations()
  const fault = await buildConsole()
  if (fault !== null) return [fault]
  const assets = copyAssets() + copyPages()
  const faults = [...misses(), ...danglingImports(dist), ...lostAugmentations(dist, typeEntries(library))]
  const modules = filesBelow(dist, (path) => path.endsWith('.js') && !isTemplate(path)).length
  console.log(
    `build: ${modules} modules, ${assets} assets, ${faults.length} faults in ${relative(root, dist)}`,
  )
  return faults
}

/** The compiler's notes go too: with them it believes that what was deleted is still there. */
function clean(): void {
  rmSync(dist, { recursive: true, force: true })
  rmSync(join(cache, 'tsc', 'linkspan.tsbuildinfo'), { force: true })
}

function rewriteDeclarations(): void {
  for (const path of filesBelow(dist, (name) => name.endsWith('.d.ts'))) {
    const file = join(dist, path)
    writeFileSync(file, withJsSpecifiers(readFileSync(file, 'utf8')))
  }
}

/** Templates go as they are, TypeScript included: they become the user's files. */
function copyAssets(): number {
  const assets = filesBelow(source, isAsset)
  for (const path of assets) cpSync(join(source, path), join(dist, path))
  return assets.length
}

/** What `linkspan doc` prints. */
function copyPages(): number {
  const pages = filesBelow(pagesSource, (path) => path.endsWith('.md') && path !== 'README.md')
  for (const path of pages) cpSync(join(pagesSource, path), join(dist, 'pages', 'patterns', path))
  return pages.length
}

function isAsset(path: string): boolean {
  if (path.split('/').some((part) => part === 'fixtures' || part === '__snapshots__')) return false
  return isTemplate(path) || (!isTypeScript(path) && !path.endsWith('.tsbuildinfo'))
}

/** Files that should be there and are not, and tests that should not be there and are. */
function misses(): readonly string[] {
  const promised = moduleSpecifiers(library.manifest).flatMap((specifier) => {
    const subPath = `.${specifier.slice(library.manifest.name.length)}`
    return ['types', 'default'].map((condition) => exportTarget(library.manifest, subPath, condition))
  })
  return [
    ...promised
      .filter((file) => file === undefined || !existsSync(join(library.folder, file)))
      .map((file) => `package.json exports ${file}, which was not built`),
    ...filesBelow(dist, (path) => path.includes('.test.') || isTest(path)).map(
      (path) => `${path}: a test in dist`,
    ),
  ]
}

function typeEntries({ folder, manifest }: Package): readonly string[] {
  return Object.keys(manifest.exports ?? {})
    .map((subPath) => exportTarget(manifest, subPath, 'types'))
    .filter((file) => file !== undefined)
    .map((file) => relative(dist, join(folder, file)))
}

if (import.meta.main) {
  const faults = await build()
  for (const fault of faults) console.error(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
}
