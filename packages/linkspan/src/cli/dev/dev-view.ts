import { relative } from 'node:path'
import type { Output } from '../output.ts'
import { clean, counted } from '../text.ts'
import type { DevEvent } from './dev-loop.ts'
import type { FlowChanges } from './flow-changes.ts'

/** Tells a person what happens while developing; with `--json`, as one event per line. */
export function showDevEvent(out: Output, event: DevEvent, directory: string): void {
  const lines = out.json ? [JSON.stringify({ dev: event })] : devLines(out, event, directory)
  for (const line of lines) out.line(line)
}

function devLines({ style }: Output, event: DevEvent, directory: string): readonly string[] {
  const mark = style('strong', 'dev')
  switch (event.kind) {
    case 'loaded':
      return [
        `${mark} ${counted(event.flows.length, 'flow')}${event.flows.length === 0 ? '' : ': '}${clean(event.flows.map(({ name }) => name).join(', '))}`,
      ]
    case 'changed':
      return [
        `${mark} changed: ${event.files.map((file) => clean(relative(directory, file))).join(', ')}`,
        ...changeLines(event.changes).map((line) => `      ${clean(line)}`),
      ]
    case 'broken':
      return [
        style('bad', event.error),
        `${mark} ${event.running ? 'The old code goes on running.' : 'Nothing runs.'} Waiting for a change.`,
      ]
    case 'running':
      return [
        `${mark} running${event.url === null ? '' : ` at ${event.url}`}. Ctrl-C stops it.`,
        ...(event.url === null ? [] : ['      "linkspan console" prints the address of its console.']),
      ]
    case 'notStarted':
      return [style('bad', `${mark} the engine did not start: ${event.error}. Waiting for a change.`)]
    case 'engineEnded':
      return [
        style(
          'bad',
          `${mark} the engine ended with ${event.code === null ? 'a signal' : `code ${event.code}`}. Waiting for a change.`,
        ),
      ]
    case 'stopping':
      return [`${mark} stopping`]
  }
}

function changeLines({ added, removed, changed }: FlowChanges): readonly string[] {
  const lines = [
    ...added.map((flow) => `new flow ${flow}`),
    ...removed.map((flow) => `flow ${flow} is gone`),
    ...changed.map(({ flow, parts }) => `flow ${flow}: ${parts.map(partName).join(', ')}`),
  ]
  return lines.length > 0 ? lines : ['the flows themselves are as before']
}

function partName(path: string): string {
  return path === '' ? 'source or settings' : `step ${path}`
}
