import { LinkspanError } from '../model/errors.ts'
import type { Headers } from '../model/message.ts'
import type { CompiledFlow } from './compile.ts'

/** The header of a message that its source could not read, with the reason. Nobody else can set it. */
const UNREADABLE = 'linkspan-unreadable'

/** The headers of a message as it is accepted; `unreadable` says why its source could not read it. */
export function takenHeaders(given: Headers, unreadable: string | undefined): Headers {
  if (unreadable !== undefined) return { ...given, [UNREADABLE]: unreadable }
  if (!(UNREADABLE in given)) return given
  const { [UNREADABLE]: _mark, ...headers } = given
  return headers
}

/** Throws `BODY_INVALID` for a message that its source could not read: it ends as a dead letter. */
export function checkReadable({ headers }: { readonly headers: Headers }): void {
  const reason = headers[UNREADABLE]
  if (reason !== undefined)
    throw new LinkspanError('BODY_INVALID', `The source could not read this message: ${reason}`)
}

/** Whether its source could not read a message. */
export function isUnreadable({ headers }: { readonly headers: Headers }): boolean {
  return UNREADABLE in headers
}

/** The body of a message that was accepted, as its flow takes it: that of a child, or of what could not be read, as it is. */
export function takenBody(
  flow: CompiledFlow,
  message: { readonly parent: unknown; readonly headers: Headers },
  body: unknown,
): unknown | Promise<unknown> {
  return message.parent !== null || isUnreadable(message) ? body : checkBody(flow, body)
}

/** The body as the flow's schema makes it, or the body itself. Throws `BODY_INVALID` with the issues. */
export function checkBody(flow: CompiledFlow, body: unknown): unknown | Promise<unknown> {
  const schema = flow.flow.source.schema
  // What is put on a channel was checked by the step that published it.
  if (!schema || flow.flow.source.kind === 'channel') return body
  const result = validated(flow, schema, body)
  const finish = (checked: Awaited<typeof result>): unknown => {
    if (checked.issues === undefined) return checked.value
    const issues = checked.issues.map((issue) => ({ pointer: pointerOf(issue.path), message: issue.message }))
    const shown = issues
      .map(({ pointer, message }) => (pointer === '' ? message : `${pointer}: ${message}`))
      .join('; ')
    throw new LinkspanError('BODY_INVALID', `The body is not what the flow "${flow.name}" takes. ${shown}`, {
      details: { issues },
    })
  }
  return result instanceof Promise ? result.then(finish) : finish(result)
}

type Schema = NonNullable<CompiledFlow['flow']['source']['schema']>

/** What a schema says; where its own code fails on a body, the body is refused. */
function validated(
  flow: CompiledFlow,
  schema: Schema,
  body: unknown,
): ReturnType<Schema['~standard']['validate']> {
  const stumbled = (cause: unknown): never => {
    throw new LinkspanError(
      'BODY_INVALID',
      `The schema of the flow "${flow.name}" failed on the body: ${String(cause)}. Let the schema refuse what its own code cannot take.`,
      { cause },
    )
  }
  try {
    const result = schema['~standard'].validate(body)
    return result instanceof Promise ? result.catch(stumbled) : result
  } catch (thrown) {
    return stumbled(thrown)
  }
}

/** A path of a Standard Schema issue as a JSON Pointer (RFC 6901). */
function pointerOf(path: readonly unknown[] | undefined): string {
  const part = (each: unknown): string =>
    String(typeof each === 'object' && each !== null && 'key' in each ? each.key : each)
  return (path ?? []).map((each) => `/${part(each).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
