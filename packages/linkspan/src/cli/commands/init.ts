import { relative } from 'node:path'
import { Option } from 'commander'
import { writeTemplate } from '../template.ts'
import { defineVerb, type Verb } from '../verb.ts'

/** `linkspan init`. */
export const init: Verb = defineVerb<{ readonly force?: boolean }>({
  usage: 'init [folder]',
  summary: 'Begin a project: a flow that runs as it is, with no outside system',
  details:
    'Refuses a folder that has files in it, unless --force is given; then it replaces only files of the same names.',
  examples: ['linkspan init my-hub', 'npm create linkspan my-hub'],
  reach: 'nothing',
  options: [new Option('--force', 'write into a folder that is not empty')],
  run: async ({ dependencies, terminal, out }, [folder = '.'], { force }) => {
    const written = await writeTemplate(dependencies.self, terminal, folder, force === true)
    const next = nextCommands(relative(terminal.directory, written.folder))
    if (out.json) out.document({ ...written, next })
    else {
      out.line(`A project lies in ${written.folder}: ${written.files.join(', ')}`)
      out.line()
      out.line('Next:')
      for (const command of next) out.line(`  ${command}`)
    }
    return undefined
  },
})

function nextCommands(folder: string): readonly string[] {
  const enter = folder === '' ? [] : [`cd ${/^[\w./-]+$/.test(folder) ? folder : `'${folder}'`}`]
  const then = ['npm install', 'npm run dev', `npx linkspan send hello '{"name":"Ada"}'`]
  return [...enter, ...then].slice(0, 3)
}
