import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { begin, run } from './fixtures/pass-for-tests.ts'

const order = z.object({ id: z.string(), lines: z.array(z.object({ count: z.coerce.number() })) })

describe('validate', () => {
  const tested = begin<unknown>().validate('an order', order)

  it('goes on with what the schema makes of the body', async () => {
    const { body } = await run(tested, { id: 'a', lines: [{ count: '2' }], more: true })
    expect(body).toEqual({ id: 'a', lines: [{ count: 2 }] })
  })

  it('lists the issues with their paths, and is not tried again', async () => {
    const failing = run(tested, { lines: [{ count: 1 }, { count: 'x' }] })
    await expect(failing).rejects.toMatchObject({
      code: 'BODY_INVALID',
      retry: 'never',
      details: { path: 'an order', issues: [{ path: 'id' }, { path: 'lines[1].count' }] },
    })
    await expect(failing).rejects.toThrow(
      /^The body does not fit the schema of "an order": id: .*; lines\[1\]\.count: /,
    )
  })

  it('tells the first five issues and how many more', async () => {
    const many = begin<unknown>().validate(z.array(z.number()))
    await expect(run(many, ['a', 'b', 'c', 'd', 'e', 'f', 'g'])).rejects.toThrow(/\[4\]: .*; and 2 more$/)
  })

  it('refuses an asynchronous schema', async () => {
    const slow = begin<unknown>().validate(
      'slow',
      z.string().refine(async () => true),
    )
    await expect(run(slow, 'x')).rejects.toMatchObject({ code: 'STEP_ASYNC' })
  })

  it('refuses what is no schema', () => {
    expect(() => begin().validate('x', { type: 'object' } as never)).toThrow(
      /needs a schema .* but got an object/,
    )
  })
})
