import { Command } from 'commander'
import { VERBS } from './commands/index.ts'
import type { CliDependencies } from './dependencies.ts'
import { type ExitCode, OK, WRONG_USE } from './exit-code.ts'
import { errorJson, errorText, exitCodeOf } from './failure.ts'
import { isCommanderError, register, type Session } from './verb.ts'

/** Runs one command line (without the program's own name) and answers the exit code. Never rejects. */
export async function runCommandLine(
  dependencies: CliDependencies,
  args: readonly string[],
): Promise<ExitCode> {
  const session: Session = { dependencies, exitCode: OK }
  try {
    await createProgram(session).parseAsync([...args], { from: 'user' })
    return session.exitCode
  } catch (thrown) {
    return failed(dependencies, args, thrown)
  }
}

function failed({ terminal }: CliDependencies, args: readonly string[], thrown: unknown): ExitCode {
  if (isCommanderError(thrown)) return thrown.exitCode === 0 ? OK : WRONG_USE
  if (args.includes('--json')) terminal.stderr.write(`${JSON.stringify(errorJson(thrown))}\n`)
  else terminal.stderr.write(`${errorText(thrown, args.includes('--verbose'))}\n`)
  return exitCodeOf(thrown)
}

/** The whole command line as a commander program. */
export function createProgram(session: Session): Command {
  const { terminal, self } = session.dependencies
  const program = new Command('linkspan')
    .description('Linkspan joins systems with typed, crash-safe flows.')
    .version(self.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [verb]', 'print help for a verb')
    .showHelpAfterError('(add --help to see how it is used)')
    .addHelpText('after', AFTER)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      getOutHelpWidth: () => terminal.stdout.columns ?? 100,
      getErrHelpWidth: () => terminal.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  for (const verb of VERBS) register(program, session, verb)
  return program
}

const AFTER = `
Begin with:
  $ linkspan init my-hub

Exit codes:
  0  done
  1  the answer is no: not found, refused, differences, damage
  2  wrong use
  3  the project, the engine or the journal cannot be reached or opened
`
