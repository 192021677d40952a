const MAX_LENGTH = 200
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u

/** Why a text cannot be the name of a step or branch; undefined when it can. Paths are such names joined by `/`. */
export function stepNameProblem(name: unknown): string | undefined {
  const problem = nameProblem(name)
  if (problem !== undefined) return problem
  return /[/~]/.test(name as string) ? 'has a "/" or "~", which paths and ids use' : undefined
}

/** Why a value cannot be a name at all; undefined when it can. */
export function nameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'is missing'
  if (name === '') return 'is empty'
  if (name.trim() !== name) return 'begins or ends with a space'
  if (CONTROL.test(name)) return 'has a control character'
  return name.length > MAX_LENGTH ? `is longer than ${MAX_LENGTH} characters` : undefined
}
