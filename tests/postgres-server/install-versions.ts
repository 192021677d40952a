/** `npm run postgres-versions -- 14 15`: installs PostgreSQL versions that `npm ci` does not. Without any: lists. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npm, run } from '../../scripts/lib/command.ts'
import { onDemand, packageFolder } from './binaries.ts'
import { type Major, majorOf, majors, packageName, packageVersions } from './versions.ts'

async function install(major: Major): Promise<void> {
  const folder = join(onDemand, String(major))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const wanted = `${packageName()}@${packageVersions[major]}`
  const args = [
    'install',
    '--ignore-scripts',
    '--no-package-lock',
    '--no-workspaces',
    '--prefix',
    folder,
    wanted,
  ]
  const { code, output } = await run({ ...npm(...args), folder })
  if (code !== 0) throw new Error(`npm could not install ${wanted}:\n${output}`)
}

async function main(texts: readonly string[]): Promise<void> {
  const wanted = texts.includes('all') ? majors : texts.map(majorOf)
  for (const major of wanted) if (packageFolder(major) === null) await install(major)
  for (const major of majors) {
    const state = packageFolder(major) === null ? 'not installed' : 'installed'
    console.log(`PostgreSQL ${major}  ${packageVersions[major].padEnd(16)} ${state}`)
  }
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
