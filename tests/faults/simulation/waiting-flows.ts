/** Flows whose messages wait for each other or for somebody outside, or undo what they did. */
import { event } from 'linkspan'
import { z } from 'zod'
import { begin, type FlowName, type FlowOptions, type Order, sunk } from './beginnings.ts'

/** The event that is raised from outside for each message of `told`. */
export const TOLD = 'told'
/** How many of a key are gathered, where none is late. */
export const GATHERED = 3

const told = event<{ value: number }>(TOLD, { keep: '1000d' })
const notTheFirst = z.custom<Order>((value) => (value as Order).same !== 1, 'It is the first.')

/** Makes the flows. */
export function waitingFlows(options: FlowOptions): Partial<Record<FlowName, () => unknown>> {
  const { key } = options.connected.operations
  return {
    // Each member has its effect by a child of the message that its group went on as.
    gathered: () =>
      begin('gathered', options)
        .aggregate('groups', {
          key: (body) => body.key,
          complete: { size: GATHERED, timeout: '20s', interval: '1m' },
          signal: ({ items }) => (items === 5 ? 'inclusive' : null),
        })
        .split(
          'each',
          (all) => all,
          (each) =>
            each.to('put', key, {
              input: (body) => ({ ...sunk('gathered', 'each/put')(body), flow: 'collected' }),
            }),
        ),
    ordered: () =>
      begin('ordered', options)
        .resequence('in order', { place: ({ n }) => n, timeout: '5s', late: 'pass' })
        .resequence('in batches', { place: ({ n }) => n, batch: { size: 2, timeout: '8s' } })
        .to('first', key, { input: sunk('ordered', 'first') })
        .to('put', key, { input: sunk('ordered', 'put') }),
    told: () =>
      begin('told', options)
        .waitFor('answer', told, { key: ({ n }) => n, as: 'answer' })
        .to('put', key, {
          input: (body, { answer }) => ({ ...sunk('told', 'put')(body), value: answer.value }),
        }),
    booked: () => bookedFlow(options),
  }
}

/** A saga with another in it, which is undone for some although it was done. */
function bookedFlow(options: FlowOptions): unknown {
  const { natural, key, verify } = options.connected.operations
  const put = (step: string) => ({ input: sunk('booked', step) })
  return begin('booked', options).try('care', (t) =>
    t
      .do((s) =>
        s.saga('book', (g) =>
          g
            .step('first', (b) => b.to('put', key, put('care/do/book/first/put')), {
              compensate: (u) => u.to('put', verify, put('care/do/book/undo first/put')),
            })
            .step('second', (b) =>
              b
                .saga('inner', (i) =>
                  i.step('only', (x) => x.to('put', verify, put('care/do/book/second/inner/only/put')), {
                    compensate: (u) => u.to('put', key, put('care/do/book/second/inner/undo only/put')),
                  }),
                )
                .validate('not the first', notTheFirst)
                .to('put', natural, put('care/do/book/second/put')),
            ),
        ),
      )
      .catch('first', 'BODY_INVALID', (s) => s.to('put', key, put('care/first/put'))),
  )
}
