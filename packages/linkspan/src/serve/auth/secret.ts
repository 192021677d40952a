import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import { LinkspanError } from '../../model/errors.ts'
import type { Reference } from '../../runtime/engine-api.ts'

/** A secret, or where to find it when the engine starts. */
export type SecretValue = string | Reference

/** One secret, or several of which each is valid: the new one and the old one while a rotation lasts. */
export type Secrets = SecretValue | readonly SecretValue[]

/** Finds what a reference stands for; undefined when it is not there. */
export type Lookup = (reference: Reference) => string | undefined

/** Whether a value is a reference and not a plain one. */
export function isReference(value: unknown): value is Reference {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('name' in value)) return false
  return (value.kind === 'env' || value.kind === 'secret') && typeof value.name === 'string'
}

/**
 * The secrets themselves, at start.
 * @throws {LinkspanError} `SECRET_MISSING` with the reference's name, `CONFIG_INVALID` when there is none or one is empty.
 */
export function resolveSecrets(secrets: Secrets, lookup: Lookup, purpose: string): readonly string[] {
  const list = Array.isArray(secrets) ? (secrets as readonly SecretValue[]) : [secrets as SecretValue]
  if (list.length === 0) throw invalid(`${purpose} has an empty list of secrets. State at least one.`)
  return list.map((value) => resolveSecret(value, lookup, purpose))
}

/** One secret; see {@link resolveSecrets}. */
export function resolveSecret(value: SecretValue, lookup: Lookup, purpose: string): string {
  const found = typeof value === 'string' ? value : (lookup(value) ?? value.fallback)
  if (found === undefined) throw missing(value as Reference, purpose)
  if (found === '') throw invalid(`${purpose} has an empty secret. State one that is not.`)
  return found
}

function missing({ kind, name }: Reference, purpose: string): LinkspanError {
  const what = kind === 'env' ? 'environment variable' : 'secret'
  return new LinkspanError(
    'SECRET_MISSING',
    `${purpose} needs the ${what} "${name}", which is not set. Set it and start again.`,
    {
      details: { name, kind },
    },
  )
}

function invalid(message: string): LinkspanError {
  return new LinkspanError('CONFIG_INVALID', message)
}

/** The algorithms that signatures are checked with. */
export type HmacAlgorithm = 'sha256' | 'sha384' | 'sha512' | 'sha1'

/** The HMAC (RFC 2104) of the given parts, one after the other. */
export function hmacOf(
  algorithm: HmacAlgorithm,
  key: string | Uint8Array,
  ...parts: readonly (string | Uint8Array)[]
): Buffer {
  const mac = createHmac(algorithm, key)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

/** Compares bytes in a time that depends on their length alone. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}

/** What a given text is compared by: all digests are of one length, so not even a secret's length shows in the time. */
export function digestOf(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

/** The first of the known digests that a given text has, or -1; takes the same time wherever it stands. */
export function indexOfSame(given: string, known: readonly Uint8Array[]): number {
  const digest = digestOf(given)
  let found = -1
  for (let at = known.length - 1; at >= 0; at--) if (sameBytes(digest, known[at] as Uint8Array)) found = at
  return found
}
