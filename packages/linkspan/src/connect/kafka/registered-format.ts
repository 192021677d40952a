import { isLinkspanError, LinkspanError } from '../../model/errors.ts'
import { type FormatPlace, type KafkaFormat, Undecodable, unwritable } from './format.ts'
import { UnknownSchema } from './registry-request.ts'
import type { RegisteredSchema, SchemaReference, Schemas } from './schemas.ts'
import { readWire, writeWire } from './wire-format.ts'

/** Which schema is written by. What is read names its own. */
export interface SchemaOptions {
  /** The schema to write by. @default the latest one of the subject */
  readonly schema?: string | object
  /** Under which it lies. @default the topic's name and `-value` or `-key` */
  readonly subject?: string
  /** Whether `schema` is added to the subject where it is not there yet. @default false */
  readonly register?: boolean
  /** Schemas that `schema` uses. */
  readonly references?: readonly SchemaReference[]
}

/** Reads and writes what one schema says. */
export interface SchemaCodec<T> {
  decode(payload: Buffer): T
  encode(value: T): readonly Uint8Array[]
}

/** A kind of schema. */
export interface SchemaKind<T> {
  readonly name: string
  readonly type: RegisteredSchema['type']
  readonly options: SchemaOptions
  make(schema: RegisteredSchema, schemas: Schemas): Promise<SchemaCodec<T>>
}

/** A format whose bytes name the schema that they were written by. */
export function registeredFormat<T>(kind: SchemaKind<T>): KafkaFormat<T> {
  const ready = new WeakMap<Schemas, Map<number, SchemaCodec<T>>>()

  const codecOf = async (schema: RegisteredSchema, schemas: Schemas): Promise<SchemaCodec<T>> => {
    const codec = await kind.make(schema, schemas)
    const codecs = ready.get(schemas) ?? new Map<number, SchemaCodec<T>>()
    ready.set(schemas, codecs.set(schema.id, codec))
    return codec
  }

  const find = async (id: number, schemas: Schemas): Promise<SchemaCodec<T>> => {
    const schema = await schemas.byId(id).catch(forGood)
    if (schema.type === kind.type) return codecOf(schema, schemas).catch(forGood)
    throw new Undecodable(`schema ${id} is of the type ${schema.type}, and the format reads ${kind.type}`)
  }

  return {
    name: kind.name,
    decode(bytes, { schemas }) {
      const { id, payload } = readWire(bytes)
      const known = ready.get(schemas)?.get(id)
      if (known !== undefined) return read(known, id, payload)
      return find(id, schemas).then((codec) => read(codec, id, payload))
    },
    async encode(value, place) {
      const schema = await toWrite(kind, place)
      const codec = ready.get(place.schemas)?.get(schema.id) ?? (await codecOf(schema, place.schemas))
      return writeWire(schema.id, ...written(kind, place, () => codec.encode(value)))
    },
  }
}

async function toWrite<T>(kind: SchemaKind<T>, place: FormatPlace): Promise<RegisteredSchema> {
  const { schema, register = false, references } = kind.options
  const subject = kind.options.subject ?? `${place.topic}-${place.part}`
  const text = schema === undefined || typeof schema === 'string' ? schema : JSON.stringify(schema)
  const wanted = {
    subject,
    type: kind.type,
    register,
    ...(text === undefined ? {} : { text }),
    ...(references === undefined ? {} : { references }),
  }
  const found = await place.schemas.forWriting(wanted).catch((error: unknown) => {
    if (!(error instanceof UnknownSchema)) throw error
    throw new LinkspanError(
      'CALL_REJECTED',
      `Kafka: the schema to write "${subject}" by is not in the registry. Register it there, or say register: true.`,
      { retry: 'never', applied: 'no' },
    )
  })
  if (found.type === kind.type) return found
  throw unwritable(kind.name, place.part, `the latest schema of "${subject}" is of the type ${found.type}`)
}

/** What a registry will not answer otherwise later makes a record unreadable for good; all else may pass. */
function forGood(error: unknown): never {
  if (isLinkspanError(error) || error instanceof Undecodable) throw error
  if (error instanceof UnknownSchema) throw new Undecodable(error.message)
  throw new Undecodable(`its schema cannot be used: ${(error as Error).message}`)
}

function read<T>(codec: SchemaCodec<T>, id: number, payload: Buffer): T {
  try {
    return codec.decode(payload)
  } catch (error) {
    if (error instanceof Undecodable) throw error
    throw new Undecodable(`it does not fit schema ${id}: ${(error as Error).message}`)
  }
}

function written<T>(
  kind: SchemaKind<T>,
  { part }: FormatPlace,
  encode: () => readonly Uint8Array[],
): readonly Uint8Array[] {
  try {
    return encode()
  } catch (error) {
    if (isLinkspanError(error)) throw error
    throw unwritable(kind.name, part, (error as Error).message)
  }
}
