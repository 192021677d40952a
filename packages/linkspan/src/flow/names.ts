import { type ErrorCode, LinkspanError } from '../model/errors.ts'
import { nameProblem } from '../model/step-name.ts'

const FLOW_NAME = /^[\p{L}\p{M}\p{N}\-_./ ]+$/u

/**
 * Refuses a name that is no sensible identity for a flow or channel: it is kept in the journal, shown in addresses
 * and typed in commands. Letters, digits, spaces inside and `- _ . /` are allowed.
 */
export function checkName(name: unknown, what: string, code: ErrorCode): void {
  const problem =
    nameProblem(name) ??
    (FLOW_NAME.test(name as string) ? undefined : 'has a character that names may not have')
  if (problem !== undefined)
    throw new LinkspanError(
      code,
      `The name of a ${what} ${problem}: ${JSON.stringify(name) ?? String(name)}. Use letters, digits, spaces and - _ . /`,
      { details: { name: String(name) } },
    )
}
