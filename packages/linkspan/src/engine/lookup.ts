import { readFileSync } from 'node:fs'
import { env as environment } from 'node:process'
import { LinkspanError } from '../model/errors.ts'
import type { Reference } from '../runtime/engine-api.ts'

/**
 * How an engine looks up references when it is told nothing else: `env()` in the environment; `secret()` in the file
 * that `<NAME>_FILE` names (as container platforms mount secrets), or in the environment.
 */
export function lookup(reference: Reference): string | undefined {
  const { kind, name } = reference
  if (kind === 'env') return environment[name]
  const file = environment[`${name}_FILE`]
  return file === undefined ? environment[name] : readSecret(name, file)
}

function readSecret(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    throw new LinkspanError(
      'SECRET_MISSING',
      `The secret ${name} is to be read from ${file} (${name}_FILE), which cannot be read: ${(cause as Error).message}.`,
      { cause },
    )
  }
}
