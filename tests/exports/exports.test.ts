import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesBelow, root } from '../../scripts/lib/files.ts'
import { exportTarget, moduleSpecifiers, readPackage } from '../../scripts/lib/packages.ts'

const { folder, manifest } = readPackage(join(root, 'packages', 'linkspan'))
const subPaths = moduleSpecifiers(manifest).map((specifier) => `.${specifier.slice(manifest.name.length)}`)

/** The specifiers that the README and the guides name between quotes or backticks. */
function documented(): readonly string[] {
  const guides = filesBelow(join(root, 'docs'), (path) => path.endsWith('.md')).map((path) =>
    join('docs', path),
  )
  const texts = ['README.md', ...guides].map((file) => readFileSync(join(root, file), 'utf8'))
  const found = texts.flatMap((text) => [...text.matchAll(/['"`](linkspan(?:\/[a-z][\w/.-]*)?)['"`]/g)])
  return [...new Set(found.map((match) => match[1] ?? ''))].sort()
}

describe('the sub-paths of the package', () => {
  it('are there', () => {
    expect(subPaths).toContain('.')
  })

  it.each(subPaths)('%s has a source file, and its built files lie where the source says', (subPath) => {
    const source = exportTarget(manifest, subPath, 'source') ?? ''
    expect(source).toMatch(/^\.\/src\/.+\.ts$/)
    expect(existsSync(join(folder, source)), `${source} exists`).toBe(true)
    const built = source.replace('./src/', './dist/').replace(/\.ts$/, '')
    expect(exportTarget(manifest, subPath, 'types')).toBe(`${built}.d.ts`)
    expect(exportTarget(manifest, subPath, 'default')).toBe(`${built}.js`)
  })

  it('are those that the README and the guides name', () => {
    expect(documented()).toEqual([...moduleSpecifiers(manifest)].sort())
  })
})

describe('an import past the sub-paths', () => {
  const deep = [
    'linkspan/src/index.ts',
    'linkspan/dist/index.js',
    'linkspan/runtime',
    'linkspan/model/errors.ts',
  ]

  it.each(deep)('of %s is refused', (specifier) => {
    const resolve = () => createRequire(import.meta.url).resolve(specifier)
    expect(resolve).toThrow(expect.objectContaining({ code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' }))
  })

  it('is refused by a plain Node as well', () => {
    const text = "await import('linkspan/src/index.ts')"
    const ran = spawnSync(process.execPath, ['--input-type=module', '--eval', text], {
      cwd: join(root, 'tests'),
      encoding: 'utf8',
    })
    expect(ran.status).not.toBe(0)
    expect(ran.stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })
})

describe('the README', () => {
  it('names the two commands, of which verify runs the second', () => {
    const text = readFileSync(join(root, 'README.md'), 'utf8')
    expect(text).toContain('npm ci && npm start')
    expect(text).toContain('npm ci && npm test')
  })
})
