import { LinkspanError } from './errors.ts'

/** A message id taken apart: the accepted message's place and token, then one entry per generation of children. */
export interface MessageIdParts {
  readonly seq: number
  readonly token: string
  readonly trail: readonly { readonly path: string; readonly index: number }[]
}

/** The length of the part of an id that cannot be guessed: 12 characters of base 36, 62 bits. */
export const TOKEN_LENGTH = 12

/** The id of an accepted message: its place, so that it is found without an index, and a token, so that it cannot be guessed. */
export function rootId(seq: number, token: string): string {
  return `${seq.toString(36)}-${token}`
}

/** The id of a child: its parent's id, the path of the step that made it, and its index there. */
export function childId(parentId: string, path: string, index: number): string {
  return `${parentId}~${encodeURIComponent(path)}.${index}`
}

/**
 * Takes an id apart.
 * @throws {LinkspanError} `MESSAGE_UNKNOWN` when it is not of the form of an id.
 */
export function parseMessageId(id: string): MessageIdParts {
  const [root = '', ...rest] = id.split('~')
  const head = /^([0-9a-z]+)-([0-9a-z]+)$/.exec(root)
  const trail = rest.map((part) => /^(.+)\.(\d+)$/.exec(part))
  if (!head || trail.some((part) => part === null)) throw malformed(id)
  return {
    seq: Number.parseInt(head[1] as string, 36),
    token: head[2] as string,
    trail: trail.map((part) => ({ path: decode(part?.[1] as string, id), index: Number(part?.[2]) })),
  }
}

function decode(text: string, id: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw malformed(id)
  }
}

function malformed(id: string): LinkspanError {
  return new LinkspanError(
    'MESSAGE_UNKNOWN',
    `"${id}" is not a message id. Ids look like "3f-x1y2z3a4b5c6".`,
    { details: { id } },
  )
}
