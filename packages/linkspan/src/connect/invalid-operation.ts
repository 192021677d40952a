import { LinkspanError } from '../model/errors.ts'

/** The error of an operation that is declared wrongly: `problem` goes on with the sentence that names it. */
export function invalidOperation(connection: string, name: string, problem: string): LinkspanError {
  return new LinkspanError(
    'CONFIG_INVALID',
    `The operation "${name}" of the connection "${connection}" ${problem}.`,
    { details: { connection, operation: name } },
  )
}

/** Throws where an operation has no name. */
export function checkOperationName(connection: string, name: unknown): void {
  if (typeof name === 'string' && name.trim() !== '') return
  throw invalidOperation(connection, String(name), 'needs a name that is not empty')
}
