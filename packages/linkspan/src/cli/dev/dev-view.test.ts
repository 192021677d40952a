import { expect, test } from 'vitest'
import { fakeCli } from '../fixtures/fake-cli.ts'
import { createOutput } from '../output.ts'
import type { DevEvent } from './dev-loop.ts'
import { showDevEvent } from './dev-view.ts'

function shown(event: DevEvent, json = false): string {
  const cli = fakeCli()
  showDevEvent(createOutput(cli.dependencies.terminal, json), event, '/hub')
  return cli.stdout()
}

test.each<[DevEvent, string]>([
  [{ kind: 'loaded', flows: [{ name: 'hello', parts: {} }] }, 'dev 1 flow: hello\n'],
  [
    {
      kind: 'changed',
      files: ['/hub/flows/hello.ts'],
      changes: { added: ['new'], removed: ['old'], changed: [{ flow: 'hello', parts: ['', 'greeting'] }] },
    },
    'dev changed: flows/hello.ts\n      new flow new\n      flow old is gone\n      flow hello: source or settings, step greeting\n',
  ],
  [
    { kind: 'changed', files: ['/hub/lib.ts'], changes: { added: [], removed: [], changed: [] } },
    'dev changed: lib.ts\n      the flows themselves are as before\n',
  ],
  [
    { kind: 'broken', error: 'error: no', running: true },
    'error: no\ndev The old code goes on running. Waiting for a change.\n',
  ],
  [
    { kind: 'broken', error: 'error: no', running: false },
    'error: no\ndev Nothing runs. Waiting for a change.\n',
  ],
  [
    { kind: 'running', url: 'http://127.0.0.1:7070' },
    'dev running at http://127.0.0.1:7070. Ctrl-C stops it.\n      "linkspan console" prints the address of its console.\n',
  ],
  [{ kind: 'engineEnded', code: null }, 'dev the engine ended with a signal. Waiting for a change.\n'],
])('%j', (event, text) => {
  expect(shown(event)).toBe(text)
})

test('with --json each event is a line', () => {
  expect(JSON.parse(shown({ kind: 'stopping' }, true))).toEqual({ dev: { kind: 'stopping' } })
})
