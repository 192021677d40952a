import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { present, wanted } from '../../scripts/lib/blocks.ts'
import { root } from '../../scripts/lib/files.ts'
import { generated, publicVerbs } from './generated.ts'

const HOW = 'run: npx node --conditions=source tests/docs/update.ts'

it.each(generated.map((each) => [`${each.file} ${each.block ?? ''}`, each] as const))(
  '%s says what the code says',
  (_name, each) => {
    expect(present(each), HOW).toBe(wanted(each))
  },
)

it('the README shows the flow that is checked and drawn', () => {
  const flow = readFileSync(join(root, 'tests', 'docs', 'orders.ts'), 'utf8').trim()
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(`\`\`\`ts\n${flow}\n\`\`\``)
})

it('cli.md has a part for each verb that linkspan --help lists', () => {
  const bin = join(root, 'packages', 'linkspan', 'bin', 'linkspan.js')
  const { stdout } = spawnSync(process.execPath, [bin, '--help'], { encoding: 'utf8' })
  const listed = [...stdout.matchAll(/^ {2}([a-z]+) .*$/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'help')
  const page = readFileSync(join(root, 'docs', 'guide', 'cli.md'), 'utf8')
  const headed = new Set([...page.matchAll(/^### `linkspan ([a-z]+)/gm)].map(([, name]) => name))
  expect([...new Set(listed)].sort()).toEqual([...headed].sort())
  expect(listed.length).toBeGreaterThan(10)
  for (const { words } of publicVerbs()) expect(page).toContain(`### \`linkspan ${words}\``)
})
