import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { cyclesOf } from './cycles.ts'
import { filesBelow, isTemplate, isTest, isTypeScript } from './files.ts'
import { type GlobalRule, globalUses } from './globals.ts'
import { type Import, importsOf } from './imports.ts'
import { type Masked, mask } from './mask.ts'

/** A room of the source tree and what its files may import. Paths are relative to the tree, with `*` and `**`. */
export interface Room {
  readonly name: string
  readonly files: readonly string[]
  readonly mayImport: readonly string[]
  /** Modules of Node or of others that this room may not load; sub-paths are meant too. */
  readonly mayNotLoad: readonly string[]
  /** A room may stand empty; without this, an empty room is an error, for then nothing was checked. */
  readonly optional?: boolean
  /** What to do instead of climbing over the wall. */
  readonly instead: string
}

/** Everything that is checked about a source tree. */
export interface Walls {
  /** The tree's own package: importing it by name from inside goes round the walls. */
  readonly packageName: string
  readonly rooms: readonly Room[]
  readonly globals: readonly GlobalRule[]
  /** Files that need a `.test.ts` beside them. */
  readonly testedAlone: { readonly files: readonly string[]; readonly except: readonly string[] }
}

interface Module {
  readonly path: string
  readonly masked: Masked
  readonly imports: readonly Import[]
}

interface Tree {
  readonly folder: string
  readonly walls: Walls
  readonly modules: readonly Module[]
  /** A path as it is shown in a message. */
  readonly shown: (path: string, line?: number) => string
}

/**
 * Checks a source tree against its walls: imports between rooms, modules a room may not load, globals, import
 * cycles, rooms without files and files without a test. Returns one message per violation, and the number
 * of files that were read. `shownAs` is the folder's name in messages.
 */
export function checkWalls(
  folder: string,
  walls: Walls,
  shownAs: string,
): { readonly violations: readonly string[]; readonly files: number } {
  const modules = filesBelow(folder, (path) => isTypeScript(path) && !isTemplate(path)).map((path) =>
    load(folder, path),
  )
  const shown = (path: string, line?: number): string =>
    `${shownAs}/${path}${line === undefined ? '' : `:${line}`}`
  const tree: Tree = { folder, walls, modules, shown }
  if (modules.length === 0) {
    return { violations: [`${shownAs}: no TypeScript file there, so there was nothing to check`], files: 0 }
  }
  const checks = [emptyRooms, strangers, imports, globals, cycles, untested]
  return { violations: checks.flatMap((check) => check(tree)), files: modules.length }
}

function load(folder: string, path: string): Module {
  const source = readFileSync(join(folder, path), 'utf8')
  const masked = mask(source)
  return { path, masked, imports: importsOf(source, masked) }
}

function emptyRooms({ walls, modules, shown }: Tree): readonly string[] {
  return walls.rooms
    .filter((room) => room.optional !== true && !modules.some(({ path }) => roomOf(walls, path) === room))
    .map(
      (room) =>
        `${shown(room.files[0] ?? '')}: room '${room.name}' has no file, so its walls were not checked`,
    )
}

function strangers({ walls, modules, shown }: Tree): readonly string[] {
  return modules
    .filter(({ path }) => !isTest(path) && roomOf(walls, path) === undefined)
    .map(
      ({ path }) =>
        `${shown(path)}: belongs to no room. Add its room to the table in scripts/walls.ts, or move it`,
    )
}

function imports(tree: Tree): readonly string[] {
  return tree.modules
    .filter(({ path }) => !isTest(path))
    .flatMap((module) => {
      const room = roomOf(tree.walls, module.path)
      if (room === undefined) return []
      return module.imports
        .map((found) => breach(tree, module, room, found))
        .filter((text) => text !== undefined)
    })
}

function breach(tree: Tree, module: Module, room: Room, found: Import): string | undefined {
  const reason = found.specifier.startsWith('.')
    ? innerBreach(tree, module.path, room, found)
    : outerBreach(tree.walls, room, found)
  return reason && `${tree.shown(module.path, found.line)}: imports '${found.specifier}': ${reason}`
}

function innerBreach(tree: Tree, from: string, room: Room, found: Import): string | undefined {
  const target = targetOf(from, found.specifier)
  if (target.startsWith('../')) return "it lies outside the package's src, which dist does not contain"
  if (!existsSync(join(tree.folder, target)))
    return 'there is no such file. Relative imports carry the .ts ending'
  if (isTest(target)) return 'a test file is not part of the library'
  if (isSameRoom(tree.walls, room, from, target)) return undefined
  const erased = found.kind === 'type' || found.kind === 'augment'
  if (room.mayImport.some((allowed) => allows(allowed, target, erased))) return undefined
  const there = roomOf(tree.walls, target)?.name ?? 'no room'
  return `that is in '${there}', and '${room.name}' may import ${listed(room)}. Instead: ${room.instead}`
}

function outerBreach(walls: Walls, room: Room, { specifier }: Import): string | undefined {
  if (isModule(specifier, walls.packageName)) return 'a package imports its own files by relative paths'
  if (!room.mayNotLoad.some((name) => isModule(withPrefix(specifier), name))) return undefined
  return `'${room.name}' may not load it: what is outside is handed in. Instead: ${room.instead}`
}

function isModule(specifier: string, name: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`)
}

/** Node's own modules can be named without `node:`; the table has them with it. */
function withPrefix(specifier: string): string {
  return NODE_BARE.test(specifier) ? `node:${specifier}` : specifier
}

const NODE_BARE =
  /^(?:child_process|cluster|dgram|dns|fs|http|http2|https|net|perf_hooks|timers|tls|worker_threads)(?:\/|$)/

function listed(room: Room): string {
  return room.mayImport.length === 0 ? 'only itself' : `only itself, ${room.mayImport.join(', ')}`
}

function allows(allowed: string, target: string, erased: boolean): boolean {
  const typesOnly = allowed.startsWith('types of ')
  if (typesOnly && !erased) return false
  return matches(typesOnly ? allowed.slice('types of '.length) : allowed, target)
}

function isSameRoom(walls: Walls, room: Room, from: string, target: string): boolean {
  if (roomOf(walls, target) !== room) return false
  if (!room.files.some((pattern) => pattern.includes('<'))) return true
  return dirname(target).split('/')[1] === dirname(from).split('/')[1]
}

function globals({ walls, modules, shown }: Tree): readonly string[] {
  return walls.globals.flatMap((rule) =>
    modules
      .filter(({ path }) => !isTest(path) && ruled(rule, path))
      .flatMap(({ path, masked, imports: own }) =>
        globalUses(masked.code, rule, own).map(
          ({ text, line }) =>
            `${shown(path, line)}: uses ${text}, that is ${rule.what}. Instead: ${rule.instead}`,
        ),
      ),
  )
}

function ruled(rule: GlobalRule, path: string): boolean {
  const within = (patterns: readonly string[]) => patterns.some((pattern) => matches(pattern, path))
  return within(rule.notIn) && !within(rule.except)
}

function cycles({ modules, shown }: Tree): readonly string[] {
  const graph = new Map(modules.map((module) => [module.path, edgesOf(module)] as const))
  return cyclesOf(graph).map(({ path, erased }) => {
    const kind = erased ? 'import cycle through types' : 'import cycle'
    const names = [...path, path[0] ?? ''].join(' -> ')
    return `${shown(path[0] ?? '')}: ${kind}: ${names}. Instead: move what they share into a file that imports neither`
  })
}

function edgesOf({ path, imports: found }: Module): ReadonlyMap<string, { readonly erased: boolean }> {
  const edges = new Map<string, { readonly erased: boolean }>()
  for (const { specifier, kind } of found) {
    if (!specifier.startsWith('.') || kind === 'augment') continue
    const target = targetOf(path, specifier)
    const erased = kind === 'type' && (edges.get(target)?.erased ?? true)
    edges.set(target, { erased })
  }
  return edges
}

function untested({ walls, modules, shown }: Tree): readonly string[] {
  const paths = new Set(modules.map(({ path }) => path))
  const { files, except } = walls.testedAlone
  return modules
    .map(({ path }) => path)
    .filter(
      (path) => !isTest(path) && !except.includes(path) && files.some((pattern) => matches(pattern, path)),
    )
    .filter((path) => !paths.has(path.replace(/\.ts$/, '.test.ts')))
    .map((path) => `${shown(path)}: has no test beside it. Add ${path.replace(/\.ts$/, '.test.ts')}`)
}

function targetOf(from: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from), specifier))
}

function roomOf(walls: Walls, path: string): Room | undefined {
  return walls.rooms.find((room) => room.files.some((pattern) => matches(pattern, path)))
}

/** `**` stands for any files below, `*` and `<name>` for one part of a path. */
function matches(pattern: string, path: string): boolean {
  return posix.matchesGlob(path, pattern.replaceAll(/<\w+>/g, '*'))
}
