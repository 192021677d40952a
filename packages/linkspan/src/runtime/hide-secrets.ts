import { type LinkspanError, restoreError, storeError } from '../model/errors.ts'
import type { Logger } from '../model/outside.ts'

/** Takes a project's secrets out of what is kept or shown. */
export interface SecretHider {
  /** An error without them: the same one when it holds none. */
  error(error: LinkspanError): LinkspanError
  /** A logger that writes none. */
  logger(logger: Logger): Logger
}

const HIDDEN = '[redacted]'
/** A shorter one would be found in words that have nothing to do with it. */
const SHORTEST = 6
const MAX_DEPTH = 12

/** Hides nothing. */
export const NOTHING_HIDDEN: SecretHider = { error: (error) => error, logger: (logger) => logger }

/**
 * Makes the hider of a project's secrets. Connectors keep their own out of their errors where they can; this holds for
 * those that do not, and for what a system sends back of what it was sent.
 */
export function secretHider(secrets: readonly string[]): SecretHider {
  const forms = [...new Set(secrets.flatMap(formsOf))]
    .filter((form) => form.length >= SHORTEST)
    .sort((a, b) => b.length - a.length)
  if (forms.length === 0) return NOTHING_HIDDEN

  const hide = (text: string): string => forms.reduce((rest, form) => rest.replaceAll(form, HIDDEN), text)
  const hidden = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') return hide(value)
    if (typeof value !== 'object' || value === null) return value
    if (depth === MAX_DEPTH) return HIDDEN
    if (Array.isArray(value)) return value.map((each) => hidden(each, depth + 1))
    if (value instanceof Error) return hide(String(value))
    const entries = Object.entries(value).map(
      ([name, each]) => [hide(name), hidden(each, depth + 1)] as const,
    )
    return Object.fromEntries(entries)
  }

  return {
    error(error) {
      const shown = storeError(error)
      const { message, details, causes } = shown
      const clean = hidden({ message, details, causes }, 0) as Pick<
        typeof shown,
        'message' | 'details' | 'causes'
      >
      return sameText({ message, details, causes }, clean) ? error : restoreError({ ...shown, ...clean })
    },
    logger: (logger) => ({
      log: (level, event, fields) =>
        logger.log(level, event, fields && (hidden(fields, 0) as Readonly<Record<string, unknown>>)),
    }),
  }
}

/** A secret as it may be met: as it is, in a URL, in JSON, in Basic credentials, and the parts of one that is a URL. */
function formsOf(secret: string): string[] {
  const plain = [secret, ...partsOfUrl(secret)]
  return plain.flatMap((text) => [
    text,
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
    ...[0, 1, 2].map((before) => inBase64(text, before)),
  ])
}

/** The characters of Base64 that come from a text alone, with so many bytes (of a user's name) before it. */
function inBase64(text: string, before: number): string {
  const bytes = Buffer.from(text)
  const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
}

/** Web hooks have their secret in the path; the address of a database is told to people, but for its password. */
function partsOfUrl(secret: string): string[] {
  const url = urlIn(secret)
  if (url === null) return []
  const { href, protocol, pathname, search, username } = url
  const whole = [href, href.replace(/\/$/, ''), ...passwordsOf(secret)]
  if (!/^https?:$/.test(protocol)) return whole
  return [...whole, pathname.replace(/\/$/, ''), search, username]
}

/** The passwords in a URL, as they stand there and as they are meant; none in what is no URL. */
export function passwordsOf(text: string): readonly string[] {
  const url = urlIn(text)
  if (url === null) return []
  const { password, searchParams } = url
  return [...new Set([password, decoded(password), searchParams.get('password') ?? ''])].filter(Boolean)
}

function urlIn(text: string): URL | null {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return null
  return URL.parse(text.replace('@/', '@localhost/'))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function sameText(a: unknown, b: unknown): boolean {
  try {
    return JSON.stringify(a) === JSON.stringify(b)
  } catch {
    // What cannot be written as JSON cannot be kept either.
    return false
  }
}
