import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeCli, fakeProject } from './fixtures/fake-cli.ts'
import { projectFolder, tempFolder } from './fixtures/temp-folder.ts'
import { findProjectFile } from './project-file.ts'

test('the nearest project file upwards is found, .ts before .js', () => {
  const folder = tempFolder({
    'linkspan.config.ts': '',
    'linkspan.config.js': '',
    'inner/linkspan.config.mjs': '',
    'inner/deep/x': '',
  })
  expect(findProjectFile(folder, undefined)).toBe(join(folder, 'linkspan.config.ts'))
  expect(findProjectFile(join(folder, 'inner', 'deep'), undefined)).toBe(
    join(folder, 'inner', 'linkspan.config.mjs'),
  )
})

test('--project names a file or its folder', () => {
  const folder = tempFolder({ 'hub/linkspan.config.ts': '', 'other.ts': '', 'empty/x': '' })
  expect(findProjectFile(folder, 'hub')).toBe(join(folder, 'hub', 'linkspan.config.ts'))
  expect(findProjectFile(folder, 'other.ts')).toBe(join(folder, 'other.ts'))
  expect(() => findProjectFile(folder, 'gone.ts')).toThrow(
    `There is no project file ${join(folder, 'gone.ts')}`,
  )
  expect(() => findProjectFile(folder, 'empty')).toThrow('has no linkspan.config.ts')
})

test('that there is none has a code of its own', async () => {
  const cli = fakeCli({ directory: tempFolder({}) })
  for (const command of [['graph'], ['graph', '--project', 'gone.ts']]) {
    expect(await cli.run(...command, '--json')).toBe(3)
    expect(JSON.parse(cli.stdout() || cli.stderr())).toMatchObject({
      error: { code: 'CONFIG_NOT_FOUND', exitCode: 3 },
    })
  }
})

const flows = [{ definition: {}, code: new Map() }]

test.each([
  [{}, 'has no default export; it exports nothing.'],
  [{ project: 1 }, 'has no default export; it exports only project.'],
  [{ default: () => 1 }, 'is no project: it is a function; export what it returns.'],
  [{ default: Promise.resolve(1) }, 'is no project: it is a promise; await it before exporting.'],
  [{ default: null }, 'is no project: it is null.'],
  [{ default: 'x' }, 'is no project: it is a string.'],
  [{ default: { flows } }, 'is no project: it has no journal'],
  [{ default: { ...fakeProject(), flows: {} } }, 'is no project: it has no list of flows'],
  [{ default: { ...fakeProject(), flows: [...flows, 'hello'] } }, 'is no project: flows[1] is no flow'],
])('an export that is no project is named: %o', async (module, said) => {
  const cli = fakeCli({ directory: projectFolder(), module })
  expect(await cli.run('graph')).toBe(3)
  const error = cli.stderr()
  expect(error).toContain(said)
  expect(error).toContain('End the file with: export default defineProject(')
})
