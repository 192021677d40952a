import { guidOf, integerBetween, oneOf, type RandomSource, seededRandom } from '../lib/random.ts'
import type { DeliveryKind } from '../protocol.ts'
import { type Defect, defectsFor } from './defects.ts'
import { objectIn, type Payload, type Template, textIn } from './payloads.ts'

/** One delivery to make: what to send, and what the log says about it. */
export interface Delivery {
  readonly deliveryId: string
  readonly kind: DeliveryKind
  readonly template: Template
  /** Appended to the repository's and the organization's name. */
  readonly suffix: string
  readonly key: string
  readonly githubEvent: string
  readonly action: string | null
  /** What a check concluded, when it did. */
  readonly conclusion: string | null
  readonly taskId: string | null
  /** The task's `updated_at` in milliseconds since 1970. */
  readonly version: number | null
  readonly defect: Defect | null
}

/** Deliveries in batches; within a batch and key, the order is the order of sending. */
export interface Plan {
  /** The next batch, or null after the last. */
  next(): readonly Delivery[] | null
}

/** What share of deliveries is special. */
export interface PlanRates {
  /** Of all deliveries: sent again later under the same id. */
  readonly duplicate: number
  /** Of the task deliveries: overtaken by the one that follows for the same task. */
  readonly outOfOrder: number
  /** Of those that a defect fits. */
  readonly planted: number
}

const DEFAULT_RATES: PlanRates = { duplicate: 0.05, outOfOrder: 0.05, planted: 0.05 }
const FIRST_VERSION = Date.UTC(2026, 0, 1)
const VERSION_STEP_MS = 1000
const DUPLICATE_AT_MOST_LATER = 4
const CONCLUSIONS = ['success', 'failure', 'neutral', 'timed_out'] as const
const CHECKS = ['check_run', 'check_suite', 'workflow_run']

/**
 * Plans exactly `messages` distinct deliveries (null: without end) out of the templates. Each set of templates makes a
 * batch; when all were used they are repeated under fresh repository and organization names and delivery ids. The
 * first use of a payload keeps what its check concluded; repetitions draw another conclusion, because the examples
 * hold one failed check only.
 */
export function planDeliveries(
  templates: readonly Template[],
  options: { readonly seed: number; readonly messages: number | null; readonly rates?: PlanRates },
): Plan {
  const rates = options.rates ?? DEFAULT_RATES
  const sets = [...new Set(templates.map(({ set }) => set))]
  let batch = 0
  let left = options.messages ?? Number.POSITIVE_INFINITY
  return {
    next: () => {
      if (left <= 0) return null
      const set = sets[batch % sets.length] ?? ''
      const random = seededRandom(options.seed, `plan|${batch}`)
      const repetition = Math.floor(batch / sets.length)
      const chosen = shuffle(
        random,
        templates.filter((template) => template.set === set),
      ).slice(0, left)
      const base = `${options.seed}|${batch}`
      batch += 1
      left -= chosen.length
      const described = chosen.map((template, index) =>
        describe(random, template, repetition, `${base}|${index}`),
      )
      return withDuplicates(random, withDefects(random, withVersions(random, described, rates), rates), rates)
    },
  }
}

function shuffle<T>(random: RandomSource, list: readonly T[]): T[] {
  const shuffled = [...list]
  for (let last = shuffled.length - 1; last > 0; last -= 1) {
    const other = integerBetween(random, 0, last + 1)
    const [a, b] = [shuffled[last] as T, shuffled[other] as T]
    shuffled[last] = b
    shuffled[other] = a
  }
  return shuffled
}

function describe(random: RandomSource, template: Template, repetition: number, name: string): Delivery {
  const suffix = `-${template.set.replaceAll('.', '-')}-${repetition}`
  const { githubEvent, payload } = template
  const part = githubEvent === 'issues' ? objectIn(payload, 'issue') : objectIn(payload, githubEvent)
  const isTask = githubEvent === 'issues' || githubEvent === 'pull_request'
  const key = keyOf(githubEvent, payload, suffix)
  const own = CHECKS.includes(githubEvent) ? textIn(part, 'conclusion') : null
  return {
    deliveryId: guidOf(`delivery|${name}`),
    kind: 'normal',
    template,
    suffix,
    key,
    githubEvent,
    action: textIn(payload, 'action'),
    conclusion: own !== null && repetition > 0 ? oneOf(random, CONCLUSIONS) : own,
    taskId: isTask ? key : null,
    version: null,
    defect: null,
  }
}

function keyOf(githubEvent: string, payload: Payload, suffix: string): string {
  const repository = textIn(objectIn(payload, 'repository'), 'full_name')
  const organization = textIn(objectIn(payload, 'organization'), 'login')
  const number = objectIn(payload, 'issue')?.['number'] ?? objectIn(payload, 'pull_request')?.['number']
  if (repository !== null) return `${repository}${suffix}${typeof number === 'number' ? `#${number}` : ''}`
  return organization === null ? `event:${githubEvent}` : `org:${organization}${suffix}`
}

// Two deliveries of a task change places by changing versions: the newer state is sent first, the older one is late.
function withVersions(
  random: RandomSource,
  deliveries: readonly Delivery[],
  rates: PlanRates,
): readonly Delivery[] {
  const byTask = Map.groupBy(
    deliveries.filter(({ taskId }) => taskId !== null),
    ({ taskId }) => taskId,
  )
  const numbered = new Map<Delivery, Delivery>()
  for (const list of byTask.values()) {
    const versions = list.map((_, index) => FIRST_VERSION + index * VERSION_STEP_MS)
    const late = new Set<number>()
    for (let index = 1; index < list.length; index += 1) {
      if (late.has(index - 1) || random() >= rates.outOfOrder) continue
      late.add(index)
      const [older, newer] = [versions[index - 1] as number, versions[index] as number]
      versions[index - 1] = newer
      versions[index] = older
    }
    for (const [index, delivery] of list.entries()) {
      const kind = late.has(index) ? 'out-of-order' : 'normal'
      numbered.set(delivery, { ...delivery, version: versions[index] ?? null, kind })
    }
  }
  return deliveries.map((delivery) => numbered.get(delivery) ?? delivery)
}

function withDefects(
  random: RandomSource,
  deliveries: readonly Delivery[],
  rates: PlanRates,
): readonly Delivery[] {
  return deliveries.map((delivery) => {
    const fitting = defectsFor(delivery.githubEvent)
    if (fitting.length === 0 || delivery.kind !== 'normal' || random() >= rates.planted) return delivery
    return { ...delivery, kind: 'planted', defect: oneOf(random, fitting) }
  })
}

function withDuplicates(
  random: RandomSource,
  deliveries: readonly Delivery[],
  rates: PlanRates,
): readonly Delivery[] {
  const planned = [...deliveries]
  for (const delivery of deliveries) {
    if (random() >= rates.duplicate) continue
    const later = planned.indexOf(delivery) + integerBetween(random, 1, DUPLICATE_AT_MOST_LATER + 1)
    planned.splice(later, 0, { ...delivery, kind: 'duplicate' })
  }
  return planned
}

/** The body of a delivery: the example under its fresh names, with its version, conclusion and defect. */
export function renderBody(delivery: Delivery): string {
  const payload = structuredClone(delivery.template.payload)
  rename(payload, delivery.suffix)
  const part = delivery.githubEvent === 'issues' ? 'issue' : delivery.githubEvent
  if (delivery.version !== null) {
    const updatedAt = new Date(delivery.version).toISOString().replace('.000Z', 'Z')
    Object.assign(objectIn(payload, part) ?? {}, { updated_at: updatedAt })
  }
  if (delivery.conclusion !== null) {
    Object.assign(objectIn(payload, part) ?? {}, { conclusion: delivery.conclusion })
  }
  delivery.defect?.damage(payload)
  return JSON.stringify(payload)
}

function rename(payload: Payload, suffix: string): void {
  const repository = objectIn(payload, 'repository')
  const organization = objectIn(payload, 'organization')
  for (const [part, field] of [
    [repository, 'name'],
    [repository, 'full_name'],
    [organization, 'login'],
  ] as const) {
    const name = textIn(part, field)
    if (part !== null && name !== null) part[field] = `${name}${suffix}`
  }
}
