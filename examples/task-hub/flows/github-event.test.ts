import { expect, test } from 'vitest'
import { loadTemplates } from '../feeder/payloads.ts'
import { type Delivery, planDeliveries, renderBody } from '../feeder/plan.ts'
import { keyOfEvent, schemaOf } from './github-event.ts'

function planOf(messages: number): Delivery[] {
  const plan = planDeliveries(loadTemplates(), { seed: 23, messages })
  const planned: Delivery[] = []
  for (let batch = plan.next(); batch !== null; batch = plan.next()) planned.push(...batch)
  return planned
}

test('every example passes its schema, and every planted defect is refused', () => {
  const planned = planOf(3000)
  for (const delivery of planned) {
    const result = schemaOf(delivery.githubEvent).safeParse(JSON.parse(renderBody(delivery)))
    const found = `${delivery.githubEvent} ${delivery.defect?.name}: ${result.error?.message}`
    expect(result.success, found).toBe(delivery.defect === null)
  }
  expect(planned.filter(({ defect }) => defect !== null).length).toBeGreaterThan(20)
})

test('the key of each delivery is the one the feeder keeps in order', () => {
  for (const delivery of planOf(1000)) {
    expect(keyOfEvent(delivery.githubEvent, JSON.parse(renderBody(delivery)))).toBe(delivery.key)
  }
  expect(keyOfEvent('ping', null)).toBe('event:ping')
  expect(keyOfEvent('push', { repository: { full_name: 7 } })).toBe('event:push')
})
