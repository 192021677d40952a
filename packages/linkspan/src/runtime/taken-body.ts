import { isLinkspanError, LinkspanError } from '../model/errors.ts'
import type { Headers } from '../model/message.ts'
import type { CompiledFlow } from './compile.ts'

/** Why a message is accepted that cannot be run: its source could not read it, or its flow's schema refuses it. */
export type Unfit = { readonly as: 'unreadable' | 'refused'; readonly reason: string }

/** The headers that say so, with the reason. Nobody else can set them. */
const MARKS: Readonly<Record<Unfit['as'], string>> = {
  unreadable: 'linkspan-unreadable',
  refused: 'linkspan-refused',
}

/** The header of a message that came into the journal out of its source's log: the id that its calls were made under, and its identity there. */
const MOVED = 'linkspan-moved'

/** The headers of a message that is moved into the journal out of its source's log. */
export function movedHeaders(headers: Headers, calledAs: string, identity: string): Headers {
  return { ...headers, [MOVED]: `${calledAs} ${identity}` }
}

/** The id that calls of such a message were made under, or undefined. */
export function calledAsOf(headers: Headers): string | undefined {
  return headers[MOVED]?.split(' ', 1)[0]
}

/** The identity of such a message in its source's log, or undefined. */
export function movedIdentityOf(headers: Headers): string | undefined {
  const moved = headers[MOVED]
  return moved?.slice(moved.indexOf(' ') + 1)
}

interface Marked {
  readonly headers: Headers
}

/** The headers of a message as it is accepted. */
export function takenHeaders(given: Headers, unfit: Unfit | null): Headers {
  const headers = withoutMarks(given)
  return unfit === null ? headers : { ...headers, [MARKS[unfit.as]]: unfit.reason }
}

function withoutMarks(given: Headers): Headers {
  if (!(MOVED in given) && !Object.values(MARKS).some((mark) => mark in given)) return given
  const { [MARKS.unreadable]: _unreadable, [MARKS.refused]: _refused, [MOVED]: _called, ...headers } = given
  return headers
}

/** Throws `BODY_INVALID` for a message that was accepted although it cannot be run: it ends as a dead letter. */
export function checkFit({ headers }: Marked): void {
  const unreadable = headers[MARKS.unreadable]
  if (unreadable !== undefined)
    throw new LinkspanError('BODY_INVALID', `The source could not read this message: ${unreadable}`)
  const refused = headers[MARKS.refused]
  if (refused !== undefined) throw new LinkspanError('BODY_INVALID', refused)
}

/** Whether a message was accepted although it cannot be run. */
export function isUnfit({ headers }: Marked): boolean {
  return Object.values(MARKS).some((mark) => mark in headers)
}

/**
 * A message that was accepted, with its body as the flow takes it: that of a child, or of what could not be read, as it is.
 * One that the flow's schema refused is no longer marked where it takes it now.
 */
export async function taken<Message extends Marked & { readonly parent: unknown }>(
  flow: CompiledFlow,
  message: Message,
  body: unknown,
): Promise<{ readonly message: Message; readonly body: unknown }> {
  const { parent, headers } = message
  if (parent !== null || MARKS.unreadable in headers) return { message, body }
  if (!(MARKS.refused in headers)) return { message, body: await checkBody(flow, body) }
  try {
    const checked = await checkBody(flow, body)
    return { message: { ...message, headers: withoutMarks(headers) }, body: checked }
  } catch (thrown) {
    if (isLinkspanError(thrown, 'BODY_INVALID')) return { message, body }
    throw thrown
  }
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
