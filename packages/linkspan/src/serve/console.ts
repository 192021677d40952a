import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Answer, type Endpoint, emptyAnswer } from './exchange.ts'

/** Where the console is: no route of a flow lies below `/_linkspan` unless somebody writes it so on purpose. */
export const CONSOLE_PATH = '/_linkspan/console/'

/**
 * The address that opens the console of an engine without asking for the token: it stands behind the `#`, which browsers
 * keep to themselves.
 *
 * @example
 * ```ts
 * import { consoleLink, findEngine } from 'linkspan/serve'
 * const engine = await findEngine('.')
 * const link: string = engine === null ? 'no engine runs here' : consoleLink(engine.url, engine.token)
 * ```
 */
export function consoleLink(url: string, token: string): string {
  return `${url.replace(/\/+$/, '')}${CONSOLE_PATH}#token=${encodeURIComponent(token)}`
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
}

// A style that a script sets on an element is none of those that a policy speaks of.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const GUARDS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}

const NOT_BUILT = 'The console is not built here. Run "npm run build" in the repository of Linkspan.\n'

/**
 * The files of the console, which hold nothing secret: what they show comes by the admin API, for whoever has its token.
 * One endpoint for each file that is there, so that no path leads anywhere else.
 */
export function consoleEndpoints(folder: string | null = builtConsole()): readonly Endpoint[] {
  const files = folder === null ? [] : filesIn(folder)
  if (folder === null || !files.includes('index.html')) return [page(CONSOLE_PATH, notBuilt)]
  const endpoints = files.map((file) =>
    page(`${CONSOLE_PATH}${file === 'index.html' ? '' : file}`, fileAnswer(`${folder}/${file}`)),
  )
  return [...endpoints, page(CONSOLE_PATH.slice(0, -1), toConsole)]
}

function page(path: string, answer: () => Answer): Endpoint {
  return { method: 'GET', path, label: 'the console', safe: true, handle: async () => answer() }
}

function notBuilt(): Answer {
  return { status: 404, headers: { 'content-type': 'text/plain; charset=utf-8', ...GUARDS }, body: NOT_BUILT }
}

function toConsole(): Answer {
  return emptyAnswer(308, { location: CONSOLE_PATH })
}

/** Each file is read when it is first asked for, and kept. Those below `assets` carry a hash of their content in their name. */
function fileAnswer(file: string): () => Answer {
  let body: string | null = null
  const type = TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? 'application/octet-stream'
  const kept = file.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-store'
  return () => {
    body ??= readFileSync(file, 'utf8')
    return { status: 200, headers: { 'content-type': type, 'cache-control': kept, ...GUARDS }, body }
  }
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && Object.keys(TYPES).some((type) => entry.name.endsWith(`.${type}`)))
    .map(({ parentPath, name }) => `${parentPath}/${name}`.slice(folder.length + 1))
}

/** The published package has it beside this folder; the repository, where the build puts it. */
function builtConsole(): string | null {
  const places = ['../console', '../../dist/console'].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  )
  return places.find(isThere) ?? null
}

function isThere(folder: string): boolean {
  try {
    return readdirSync(folder).includes('index.html')
  } catch {
    return false
  }
}
