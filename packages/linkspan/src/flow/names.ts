import { type ErrorCode, LinkspanError } from '../model/errors.ts'

const MAX_LENGTH = 200
const FLOW_NAME = /^[\p{L}\p{M}\p{N}\-_./ ]+$/u
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u

/**
 * Refuses a name that is no sensible identity for a flow or channel: it is kept in the journal, shown in addresses
 * and typed in commands. Letters, digits, spaces inside and `- _ . /` are allowed.
 */
export function checkName(name: unknown, what: string, code: ErrorCode): void {
  const problem =
    problemOf(name) ??
    (FLOW_NAME.test(name as string) ? undefined : 'has a character that names may not have')
  if (problem !== undefined)
    throw new LinkspanError(
      code,
      `The name of a ${what} ${problem}: ${JSON.stringify(name) ?? String(name)}. Use letters, digits, spaces and - _ . /`,
      { details: { name: String(name) } },
    )
}

/** Why a text cannot be the name of a step or branch; undefined when it can. Paths are such names joined by `/`. */
export function stepNameProblem(name: unknown): string | undefined {
  const problem = problemOf(name)
  if (problem !== undefined) return problem
  return /[/~]/.test(name as string) ? 'has a "/" or "~", which paths and ids use' : undefined
}

function problemOf(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'is missing'
  if (name === '') return 'is empty'
  if (name.trim() !== name) return 'begins or ends with a space'
  if (CONTROL.test(name)) return 'has a control character'
  return name.length > MAX_LENGTH ? `is longer than ${MAX_LENGTH} characters` : undefined
}
