/** A recipe as a story: what is built, step by step, and what is sent. */
import type { Recipe, Sequence, Step } from './recipe.ts'

/** Tells a recipe, line by line. */
export function tellRecipe({ flows, deliveries, raises }: Recipe): readonly string[] {
  return [
    ...flows.flatMap(({ name, channel, steps, fallback, completion, bounds }) => [
      `flow ${name}${channel === null ? '' : ` from ${channel}`} ${JSON.stringify(bounds)}`,
      ...tellSteps(steps, 1),
      ...(fallback === null ? [] : ['  onError', ...tellSteps(fallback, 2)]),
      ...(completion === null
        ? []
        : [`  ${completion.name} onCompletion (on ${completion.on})`, ...tellSteps(completion.steps, 2)]),
    ]),
    ...deliveries.map(
      ({ epoch, thing: { n, key, place, v } }) =>
        `sent in epoch ${epoch}: ${n}, key ${key}, place ${place}, v ${v}`,
    ),
    ...raises.map(({ step, afterMs }) => `raised for ${step} ${afterMs} ms after each`),
  ]
}

function tellSteps(steps: Sequence, depth: number): readonly string[] {
  return steps.flatMap((step) => tellStep(step, depth))
}

function tellStep({ kind, name, ...rest }: Step, depth: number): readonly string[] {
  const fields = Object.entries(rest)
  const said = fields.filter(([, value]) => !holdsSteps(value)).map(([field, value]) => `${field} ${value}`)
  const inner = fields.filter(([, value]) => holdsSteps(value))
  const indent = '  '.repeat(depth)
  return [
    `${indent}${name} ${kind}${said.length === 0 ? '' : ` (${said.join(', ')})`}`,
    ...inner.flatMap(([field, value]) => tellInner(field, value, depth + 1)),
  ]
}

function tellInner(field: string, value: unknown, depth: number): readonly string[] {
  const indent = '  '.repeat(depth)
  if (isSequence(value)) return [`${indent}${field}`, ...tellSteps(value, depth + 1)]
  if (Array.isArray(value)) return value.flatMap((each, at) => tellInner(`${field} ${at}`, each, depth))
  const { codes, ...parts } = value as { readonly codes?: unknown }
  return Object.entries(parts).flatMap(([part, inner]) =>
    inner === null
      ? []
      : tellInner(`${field} ${part}${codes === undefined ? '' : ` ${codes}`}`, inner, depth),
  )
}

function holdsSteps(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return isSequence(value) || Object.values(value).some(holdsSteps)
}

function isSequence(value: unknown): value is Sequence {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each?.kind === 'string')
}
