import { Option } from 'commander'
import { createDevLoop } from '../dev/dev-loop.ts'
import { showDevEvent } from '../dev/dev-view.ts'
import { LEVELS, type Level } from '../log.ts'
import { needProjectFile } from '../project-file.ts'
import { parseSpan } from '../time.ts'
import { defineVerb, type Verb } from '../verb.ts'

/** What closing the journal may take after the passes have ended. */
const KILL_MARGIN_MS = 10_000

/** `linkspan dev`. */
export const dev: Verb = defineVerb<{ readonly logLevel: Level; readonly within: string }>({
  usage: 'dev',
  summary:
    'Run the project and reload it when its files change; messages on their way survive in the journal',
  details:
    'A change that does not load is shown, and the old code goes on running. The engine runs in a process of its own, so every reload starts clean.',
  examples: ['linkspan dev', 'linkspan dev --log-level debug'],
  reach: 'project',
  options: [
    new Option('--log-level <level>', 'the least important level that is logged')
      .choices(LEVELS)
      .default('info'),
    new Option('--within <time>', 'how long running passes may take to end at a reload').default('5s'),
  ],
  run: async ({ dependencies, doorOptions, terminal, out }, _args, options) => {
    const projectFile = needProjectFile(terminal.directory, doorOptions.project)
    const loop = createDevLoop({
      world: dependencies.dev,
      projectFile,
      runArgs: [
        '--log',
        out.json ? 'json' : 'text',
        '--log-level',
        options.logLevel,
        '--within',
        options.within,
      ],
      killAfterMs: parseSpan(options.within) + KILL_MARGIN_MS,
      report: (event) => showDevEvent(out, event, terminal.directory),
    })
    const off = terminal.onStopSignal(() => loop.stop())
    await loop.start()
    await loop.ended
    off()
    return undefined
  },
})
