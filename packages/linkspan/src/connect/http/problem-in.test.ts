import { describe, expect, it } from 'vitest'
import { problemIn } from './problem-in.ts'

const said = (body: unknown): string | null =>
  problemIn(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))

describe('what a failed reply says', () => {
  it.each([
    // RFC 9457
    [
      { type: 'about:blank', title: 'Out of credit', status: 403, detail: 'Your balance is 30.' },
      'Out of credit: Your balance is 30.',
    ],
    [{ title: 'Not Found', status: 404 }, 'Not Found'],
    [{ title: 'Gone', detail: 'Gone since May.' }, 'Gone since May.'],
    [{ message: 'No such row' }, 'No such row'],
    [
      { $id: '1', innerException: null, message: 'TF401232: Work item 9 does not exist.' },
      'TF401232: Work item 9 does not exist.',
    ],
    [{ error: { code: 404, message: 'Requested entity was not found.' } }, 'Requested entity was not found.'],
    [
      { error: 'invalid_grant', error_description: 'The code has expired.' },
      'invalid_grant: The code has expired.',
    ],
    [{ error: 'Forbidden' }, 'Forbidden'],
    [{ errors: [{ message: 'name is missing' }, { message: 'second' }] }, 'name is missing'],
    [{ errors: ['Column 3 is no number'] }, 'Column 3 is no number'],
    [[{ errorCode: 'NOT_FOUND', message: 'The record is gone' }], 'The record is gone'],
    [{ title: 'One or more validation errors', errors: { Name: ['Too long.'] } }, 'Name: Too long.'],
    [{ detail: [{ loc: ['body', 'id'], msg: 'field required' }] }, 'field required'],
    ['\n\t{"message":"after blanks"}', 'after blanks'],
  ])('%j', (body, expected) => {
    expect(said(body)).toBe(expected)
  })

  it.each([
    ['<html><title>502</title></html>'],
    ['not {"message":"json"}'],
    ['{"message":'],
    ['{"message":""}'],
    ['{"code":5}'],
    ['[]'],
    ['null'],
    [''],
    [JSON.stringify({ message: 'x'.repeat(70_000) })],
  ])('is nothing in %s', (body) => {
    expect(said(body)).toBeNull()
  })

  it('is not looked for deeper than anybody writes it', () => {
    const deep = (levels: number): string => `${'{"error":'.repeat(levels)}"deep"${'}'.repeat(levels)}`
    expect(said(deep(3))).toBe('deep')
    for (const levels of [6, 6_000]) expect(said(deep(levels))).toBeNull()
  })
})
