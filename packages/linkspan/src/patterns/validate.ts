import type { StandardSchemaV1 } from '@standard-schema/spec'
import './steps.ts'
import { namedOrNot } from './parts/arguments.ts'
import { checked, needSchema } from './parts/checked.ts'
import type { CommonOptions, Pattern } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Checks the body with a schema of zod, valibot, arktype or any other Standard Schema, and goes on with what the
     * schema makes of it. A body that does not fit fails with `BODY_INVALID`, which is not tried again. The schema
     * must be synchronous.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * import { z } from 'zod'
     * const greet = flow('greet')
     *   .from(inbox<unknown>())
     *   .validate('a person', z.object({ name: z.string() }))
     *   .map('greeting', (person) => `Hello ${person.name}`)
     * ```
     */
    validate<S extends StandardSchemaV1>(
      name: string,
      schema: S,
      options?: CommonOptions,
    ): Steps<StandardSchemaV1.InferOutput<S>, N, F>
    validate<S extends StandardSchemaV1>(schema: S): Steps<StandardSchemaV1.InferOutput<S>, N, F>
  }
}

/** The `validate` step. */
export const validate: Pattern = {
  kind: 'validate',
  stepClass: 'pure',
  summary: 'Checks the body with a schema and goes on with what the schema makes of it.',
  mayBeUnnamed: true,
  methods: {
    validate: (draft, ...args: [string | StandardSchemaV1, StandardSchemaV1?, CommonOptions?]) => {
      const { name, value, options } = namedOrNot<StandardSchemaV1, CommonOptions>('validate', args)
      return draft.add({ kind: 'validate', name, code: { schema: needSchema(value, name) }, common: options })
    },
  },
  compile(_node, code, { path }) {
    const schema = code['schema'] as StandardSchemaV1
    return (pass) => {
      pass.enter(path)
      pass.body = checked(schema, pass.body, path)
      return undefined
    }
  },
}
