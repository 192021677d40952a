import { type KafkaFormat, textOf, Undecodable } from './format.ts'
import { registeredFormat, type SchemaCodec, type SchemaOptions } from './registered-format.ts'
import type { RegisteredSchema, Schemas } from './schemas.ts'
import { packages } from './spec.ts'

interface Validator {
  (value: unknown): boolean
  readonly errors?: readonly { readonly instancePath: string; readonly message?: string }[] | null
}

interface Ajv {
  addSchema(schema: object, name: string): unknown
  compile(schema: object): Validator
}

type AjvClass = new (options: object) => Ajv

/** Options of {@link jsonSchema}. */
export interface JsonSchemaOptions extends SchemaOptions {
  /** False neither checks what is read nor what is written, and needs no `ajv`. @default true */
  readonly validate?: boolean
}

/**
 * JSON by a JSON Schema of a schema registry, checked on both ways (drafts 6, 7, 2019-09 and 2020-12).
 *
 * @example
 * ```ts
 * import { jsonSchema, kafka } from 'linkspan/kafka'
 * const events = kafka('events')
 * const orders = events.consume({ topic: 'orders', group: 'billing', format: jsonSchema<{ id: string }>() })
 * ```
 */
export function jsonSchema<T = unknown>(options: JsonSchemaOptions = {}): KafkaFormat<T> {
  return registeredFormat<T>({
    name: 'jsonSchema',
    type: 'JSON',
    options,
    make: (schema, schemas) => codecOf<T>(schema, schemas, options.validate ?? true),
  })
}

async function codecOf<T>(
  schema: RegisteredSchema,
  schemas: Schemas,
  validates: boolean,
): Promise<SchemaCodec<T>> {
  const validator = validates ? await validatorOf(schema, schemas) : null
  const check = (value: unknown): void => {
    if (validator !== null && !validator(value)) throw new Error(problemsOf(validator))
  }
  return {
    decode(payload) {
      const text = textOf(payload)
      if (text === null) throw new Undecodable('it is no text in UTF-8')
      const value: unknown = JSON.parse(text)
      check(value)
      return value as T
    },
    encode(value) {
      check(value)
      const text = JSON.stringify(value)
      if (text === undefined) throw new Error(`${typeof value} is no JSON value`)
      return [Buffer.from(text)]
    },
  }
}

async function validatorOf(schema: RegisteredSchema, schemas: Schemas): Promise<Validator> {
  const document = JSON.parse(schema.text) as { readonly $schema?: string }
  const ajv = new (await ajvFor(document.$schema ?? '', schemas))({
    strict: false,
    allErrors: true,
    logger: false,
  })
  await addReferences(ajv, schema, schemas)
  // The address of the draft was decided on by its class; one that the class does not have would be an error.
  const { $schema: _, ...rules } = document
  return ajv.compile(rules)
}

async function ajvFor(draft: string, schemas: Schemas): Promise<AjvClass> {
  const path = draft.includes('2020-12')
    ? 'ajv/dist/2020.js'
    : draft.includes('2019-09')
      ? 'ajv/dist/2019.js'
      : 'ajv'
  const module = await schemas.library<{ default: AjvClass | { default: AjvClass } }>(
    packages.jsonSchema,
    path,
  )
  return 'default' in module.default ? module.default.default : module.default
}

async function addReferences(ajv: Ajv, { references }: RegisteredSchema, schemas: Schemas): Promise<void> {
  for (const reference of references) {
    const schema = await schemas.referred(reference)
    await addReferences(ajv, schema, schemas)
    const { $schema: _, ...rules } = JSON.parse(schema.text) as { readonly $schema?: string }
    ajv.addSchema(rules, reference.name)
  }
}

const MOST_SHOWN = 5

function problemsOf({ errors }: Validator): string {
  const problems = (errors ?? []).map(({ instancePath, message }) =>
    instancePath === '' ? (message ?? '') : `${instancePath} ${message ?? ''}`,
  )
  const more = problems.length - MOST_SHOWN
  return problems.slice(0, MOST_SHOWN).join('; ') + (more > 0 ? `; and ${more} more` : '')
}
