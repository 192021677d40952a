import type { FlowDefinition, Json, StepNode, Trace } from 'linkspan'

/** A test for the kit of Linkspan that sends a message as it was, and expects the calls that it led to. */
export function testCase({ message, steps }: Trace, definition: FlowDefinition): string {
  const name = identifier(message.flow)
  const operations = operationsOf(definition)
  const sent = new Map<string, Json[]>()
  for (const { path, attempts } of steps) {
    const operation = operations.get(path)
    const done = attempts.findLast(({ outcome }) => outcome === 'done')
    if (operation !== undefined && done !== undefined)
      sent.set(operation, [...(sent.get(operation) ?? []), done.request])
  }
  const headers =
    Object.keys(message.headers).length === 0 ? '' : `, { headers: ${literal(message.headers, 2)} }`
  return [
    "import { testFlow } from 'linkspan/testing'",
    "import { expect, test } from 'vitest'",
    `// The flow ${JSON.stringify(message.flow)}: say where your project has it.`,
    `import { ${name} } from './${kebab(message.flow)}.ts'`,
    '',
    `test(${JSON.stringify(`${message.flow} does with ${message.id} what it did`)}, async () => {`,
    `  await using flows = await testFlow(${name})`,
    `  await flows.send(${literal(message.body, 2)}${headers})`,
    '  await flows.run()',
    ...[...sent].map(
      ([operation, requests]) =>
        `  expect(flows.applied(${JSON.stringify(operation)})).toEqual(${literal(requests, 2)})`,
    ),
    `  expect(await flows.messages()).toMatchObject([{ state: ${JSON.stringify(message.state)} }])`,
    '})',
    '',
  ].join('\n')
}

function operationsOf({ steps, fallback }: FlowDefinition): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const walk = (nodes: readonly StepNode[], scope: string): void => {
    for (const node of nodes) {
      const path = scope === '' ? node.name : `${scope}/${node.name}`
      if (node.operation !== null) found.set(path, `${node.connection ?? ''}.${node.operation}`)
      for (const inner of node.scopes) walk(inner.steps, inner.name === '' ? path : `${path}/${inner.name}`)
    }
  }
  walk(steps, '')
  walk(fallback ?? [], '')
  return found
}

function literal(value: unknown, indent: number): string {
  return JSON.stringify(value, null, 2).replaceAll('\n', `\n${' '.repeat(indent)}`)
}

function identifier(name: string): string {
  const camel = name.replace(/[^A-Za-z0-9]+(.)?/g, (_, next: string | undefined) =>
    (next ?? '').toUpperCase(),
  )
  return /^[A-Za-z]/.test(camel) ? camel : `flow${camel}`
}

function kebab(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}
