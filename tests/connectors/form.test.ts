import { describe, expect, it } from 'vitest'
import { FILES, formProblems } from '../../scripts/lib/connector-form.ts'
import { connectorNames, specOf, unfinishedConnectors } from '../../scripts/lib/connectors.ts'
import { type Tree, treePlanter } from '../planted-tree.ts'

describe('the folder of each connector has the form that CONTRIBUTING.md says:', () => {
  it('there are some', () => {
    expect(connectorNames()).toEqual(expect.arrayContaining(['files', 'http', 'schedule']))
  })

  it.each(connectorNames())('%s', async (name) => {
    expect(await formProblems(name)).toEqual([])
  })

  for (const name of unfinishedConnectors())
    it.skip(`${name} (left out: the package has no door of it yet)`, () => undefined)

  it('their options are told once', async () => {
    for (const name of connectorNames())
      expect(JSON.parse(JSON.stringify(await specOf(name)))).toEqual(await specOf(name))
  })
})

describe('a folder that has not the form', () => {
  const plant = treePlanter()
  const at = 'packages/linkspan/src/connect/acme'

  const spec = (more = ''): string =>
    `export const acmeSpec = { summary: 'A system.', stability: 'stable', options: [], operations: [{ name: 'add', summary: 'Adds.', guarantees: ['none'] }]${more} }\n`

  const right: Tree = {
    'packages/linkspan/package.json':
      '{ "exports": { "./acme": {} }, "devDependencies": { "acme-client": "1.0.0" } }',
    [`${at}/index.ts`]: "export { acmeSpec } from './spec.ts'\n",
    [`${at}/spec.ts`]: spec(),
    [`${at}/README.md`]: '# Acme\n',
    [`${at}/contract.test.ts`]: "testConnector(test, { name: 'acme', against: 'real system' })\n",
  }

  it('is told from one that has it', async () => {
    expect(await formProblems('acme', plant(right))).toEqual([])
    expect(connectorNames(plant(right))).toEqual(['acme'])
  })

  it.each(FILES)('lacks %s', async (file) => {
    const { [`${at}/${file}`]: _left, ...rest } = right
    expect(await formProblems('acme', plant(rest))).toEqual([`${at}/${file} is missing`])
  })

  it.each<[string, Tree, string]>([
    [
      'does not export its spec',
      { [`${at}/index.ts`]: 'export {}\n' },
      'its door (index.ts) does not export acmeSpec',
    ],
    [
      'offers nothing',
      { [`${at}/spec.ts`]: spec(', operations: []') },
      'the spec lists neither a source nor an operation',
    ],
    [
      'says nothing of an option',
      { [`${at}/spec.ts`]: spec(", options: [{ name: 'url', type: 'URL', summary: '' }]") },
      'the spec says nothing of "url"',
    ],
    [
      'states no guarantee',
      { [`${at}/spec.ts`]: spec(", operations: [{ name: 'add', summary: 'Adds.', guarantees: [] }]") },
      'the spec states no guarantee of "add"',
    ],
    [
      'calls no suite',
      { [`${at}/contract.test.ts`]: "// against: 'real system'\n" },
      'contract.test.ts does not call testConnector',
    ],
    [
      'leaves out the real system without a word',
      { [`${at}/contract.test.ts`]: "testConnector(test, { against: 'fake' })\n" },
      "nothing holds it to the suite on the real system: write contract.services.test.ts, or say why there is none (noRealSystem: 'the reason')",
    ],
    [
      'has a client that nobody installs',
      { [`${at}/spec.ts`]: spec(", client: { package: 'other-client', range: '^1.0.0' }") },
      'its client other-client is no devDependency of packages/linkspan',
    ],
    [
      'loads its client at once',
      {
        [`${at}/spec.ts`]: spec(", client: { package: 'acme-client', range: '^1.0.0' }"),
        [`${at}/client.ts`]: "import { Client } from 'acme-client'\n",
      },
      'client.ts loads acme-client at once: import it on first use, by importClient',
    ],
  ])('%s', async (_what, changes, problem) => {
    expect(await formProblems('acme', plant({ ...right, ...changes }))).toEqual([problem])
  })

  it.each([
    [
      'in an example',
      "/**\n * ```ts\n * import { Client } from 'acme-client'\n * ```\n */\nexport function client(): void {}\n",
    ],
    ['in a comment', "export const a = 1\n// import { Client } from 'acme-client'\n"],
    ['in a text', 'export const hint = "import { Client } from \'acme-client\'"\n'],
    ['for its types', "import type { Client } from 'acme-client'\nexport type Given = Client\n"],
    ['of another package', "import { Client } from 'acme-client-pool'\nexport const pool = Client\n"],
    ['on first use', "export const client = () => import('acme-client')\n"],
  ])('may name its client %s', async (_where, text) => {
    const withClient = spec(", client: { package: 'acme-client', range: '^1.0.0' }")
    const tree = plant({
      ...right,
      [`${at}/spec.ts`]: withClient,
      [`${at}/client.ts`]: `export const b = 2\n${text}`,
    })
    expect(await formProblems('acme', tree)).toEqual([])
  })

  it.each([
    ['for what it does', "import 'acme-client/register'\n"],
    ['over lines', "import {\n  Client,\n  type Options,\n} from 'acme-client'\n"],
    ['to hand it on', "export * from 'acme-client'\n"],
  ])('loads its client at once %s', async (_how, text) => {
    const withClient = spec(", client: { package: 'acme-client', range: '^1.0.0' }")
    expect(
      await formProblems(
        'acme',
        plant({ ...right, [`${at}/spec.ts`]: withClient, [`${at}/client.ts`]: text }),
      ),
    ).toEqual(['client.ts loads acme-client at once: import it on first use, by importClient'])
  })

  it('may say why there is no real system', async () => {
    const contract =
      "testConnector(test, { against: 'simulator', noRealSystem: 'it is a service on the internet' })\n"
    expect(await formProblems('acme', plant({ ...right, [`${at}/contract.test.ts`]: contract }))).toEqual([])
  })

  it('is not one yet as long as the package has no door of it', () => {
    const tree = plant({ ...right, 'packages/linkspan/package.json': '{ "exports": {} }' })
    expect(connectorNames(tree)).toEqual([])
    expect(unfinishedConnectors(tree)).toEqual(['acme'])
  })
})
