import { Option } from 'commander'
import { LEVELS, type Level, type LogFormat } from '../log.ts'
import { runEngine } from '../run-engine.ts'
import { parseSpan } from '../time.ts'
import { defineVerb, type Verb } from '../verb.ts'

interface Options {
  readonly log: LogFormat
  readonly logLevel: Level
  readonly within: string
}

/** `linkspan run`. */
export const run: Verb = defineVerb<Options>({
  usage: 'run',
  summary: 'Run the project: log as JSON lines on stdout, stop gracefully on SIGTERM and SIGINT',
  details:
    'Exits with 0 after a graceful stop, 1 when a second signal cut it short, 3 when the engine could not start or failed.',
  examples: ['linkspan run', 'linkspan run --project hub/linkspan.config.ts --log text --within 1m'],
  reach: 'project',
  options: [
    new Option('--log <format>', 'how log lines look').choices(['json', 'text']).default('json'),
    new Option('--log-level <level>', 'the least important level that is logged')
      .choices(LEVELS)
      .default('info'),
    new Option('--within <time>', 'how long running passes may take to end when stopping').default('20s'),
  ],
  run: (context, _args, { log, logLevel, within }) =>
    runEngine(context, { format: log, level: logLevel, stopWithinMs: parseSpan(within) }),
})
