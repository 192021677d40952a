import { LinkspanError } from '../../model/errors.ts'
import { importClient } from '../clients.ts'
import type { ClientSpec, ConnectEnvironment } from '../connector.ts'
import type { ReadKafkaRegistry } from './kafka-config.ts'
import { type Ask, askRegistry } from './registry-request.ts'

/** A schema as a registry keeps it. */
export interface RegisteredSchema {
  readonly id: number
  readonly type: 'AVRO' | 'PROTOBUF' | 'JSON'
  readonly text: string
  readonly references: readonly SchemaReference[]
}

/** Another schema that one uses, by the name it uses for it. */
export interface SchemaReference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

/** What is written under a subject. */
export interface SchemaToUse {
  readonly subject: string
  readonly type: RegisteredSchema['type']
  /** Without it the latest one of the subject is meant. */
  readonly text?: string
  readonly references?: readonly SchemaReference[]
  /** Whether it may be added where the subject does not have it. */
  readonly register: boolean
}

/** The schemas of a registry, and what is made of them: each is asked for once, since a number never means another one. */
export interface Schemas {
  byId(id: number): Promise<RegisteredSchema>
  /** What to write with. The latest of a subject is asked for again after a while. */
  forWriting(wanted: SchemaToUse): Promise<RegisteredSchema>
  /** A schema that another one refers to. */
  referred(reference: SchemaReference): Promise<RegisteredSchema>
  /** Keeps what is made of a schema by a format. */
  made<T>(format: string, schema: RegisteredSchema, make: () => Promise<T> | T): Promise<T>
  /** A library that reads schemas. */
  library<Module>(client: ClientSpec, from?: string): Promise<Module>
}

const ANSWER_WITHIN_MS = 10_000
const LATEST_FOR_MS = 60_000
const MOST_KEPT = 1_000

/** The schemas of the registry of a connection. */
export function createSchemas(
  registry: ReadKafkaRegistry | undefined,
  environment: ConnectEnvironment,
): Schemas {
  const { clock } = environment
  const ask: Ask = async (method, path, body) => {
    if (registry === undefined) throw noRegistry()
    const limit = new AbortController()
    const done = clock.timer(ANSWER_WITHIN_MS, () => limit.abort(new Error('it did not answer in time')))
    try {
      return await askRegistry(registry, { method, path, body, signal: limit.signal })
    } finally {
      done()
    }
  }
  const kept = keeper()
  const latest = keeper(() => clock.monotonic(), LATEST_FOR_MS)
  const byId = (id: number): Promise<RegisteredSchema> =>
    kept(`id ${id}`, async () => schemaOf(id, await ask('GET', `/schemas/ids/${id}`)))

  const registered = (wanted: SchemaToUse): Promise<RegisteredSchema> => {
    const { subject, type, text = '', references = [], register } = wanted
    return kept(`text ${subject} ${register} ${text}`, async () => {
      const path = `/subjects/${encodeURIComponent(subject)}${register ? '/versions' : ''}`
      const { id } = await ask('POST', path, { schema: text, schemaType: type, references })
      return { id: Number(id), type, text, references }
    })
  }

  const version = async (subject: string, which: number | 'latest'): Promise<RegisteredSchema> => {
    const answer = await ask('GET', `/subjects/${encodeURIComponent(subject)}/versions/${which}`)
    return schemaOf(Number(answer['id']), answer)
  }

  return {
    byId,
    forWriting: (wanted) =>
      wanted.text === undefined
        ? latest(wanted.subject, () => version(wanted.subject, 'latest'))
        : registered(wanted),
    referred: ({ subject, version: which }) =>
      kept(`version ${subject} ${which}`, () => version(subject, which)),
    made: (format, schema, make) => kept(`made ${format} ${schema.id}`, async () => make()),
    library: (client, from) =>
      kept(`library ${from ?? client.package}`, () => importClient(client, environment, from)),
  }
}

function noRegistry(): LinkspanError {
  return new LinkspanError(
    'CONFIG_INVALID',
    'Kafka: a record is read or written by a schema, and the connection has no registry. Bind registry: { url }.',
  )
}

function schemaOf(id: number, answer: Readonly<Record<string, unknown>>): RegisteredSchema {
  const { schemaType = 'AVRO', schema, references } = answer
  return {
    id,
    type: String(schemaType) as RegisteredSchema['type'],
    text: String(schema),
    references: Array.isArray(references) ? (references as readonly SchemaReference[]) : [],
  }
}

/** Keeps what was answered; what failed is asked again. */
function keeper(now: () => number = () => 0, forMs = 1) {
  const answers = new Map<string, { readonly value: Promise<unknown>; readonly since: number }>()
  return <T>(name: string, find: () => Promise<T>): Promise<T> => {
    const known = answers.get(name)
    if (known !== undefined && now() - known.since < forMs) return known.value as Promise<T>
    const value = find()
    answers.set(name, { value, since: now() })
    if (answers.size > MOST_KEPT) answers.delete(answers.keys().next().value as string)
    value.catch(() => answers.delete(name))
    return value
  }
}
