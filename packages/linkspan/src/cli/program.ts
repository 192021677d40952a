import { Command, type CommanderError } from 'commander'
import { VERBS } from './commands/index.ts'
import type { CliDependencies } from './dependencies.ts'
import { type ExitCode, OK, WRONG_USE } from './exit-code.ts'
import { errorJson, errorText, exitCodeOf, wrongUse } from './failure.ts'
import { isCommanderError, register, type Session } from './verb.ts'

/** Runs one command line (without the program's own name) and answers the exit code. Never rejects. */
export async function runCommandLine(
  dependencies: CliDependencies,
  args: readonly string[],
): Promise<ExitCode> {
  const session: Session = { dependencies, exitCode: OK }
  try {
    const program = createProgram(session, args.includes('--json'))
    refuseUnknownHelp(program, args)
    await program.parseAsync([...args], { from: 'user' })
    return session.exitCode
  } catch (thrown) {
    return failed(dependencies, args, thrown)
  }
}

function failed({ terminal }: CliDependencies, args: readonly string[], thrown: unknown): ExitCode {
  if (isCommanderError(thrown)) {
    if (thrown.exitCode === 0) return OK
    if (args.includes('--json')) terminal.stderr.write(`${JSON.stringify(errorJson(wrongUseOf(thrown)))}\n`)
    return WRONG_USE
  }
  if (args.includes('--json')) terminal.stderr.write(`${JSON.stringify(errorJson(thrown))}\n`)
  else terminal.stderr.write(`${errorText(thrown, args.includes('--verbose'))}\n`)
  return exitCodeOf(thrown)
}

/** What commander found wrong, as a failure of ours. */
function wrongUseOf({ code, message }: CommanderError): Error {
  return wrongUse(
    code === 'commander.help' ? 'Say which verb; --help lists them.' : message.replace(/^error: /, ''),
  )
}

/** Commander answers `help bogus` with the whole help and no word of what was wrong. */
function refuseUnknownHelp(program: Command, [first, name]: readonly string[]): void {
  if (first !== 'help' || name === undefined || name.startsWith('-') || name === 'help') return
  if (!program.commands.some((command) => command.name() === name))
    program.error(`error: unknown command '${name}'`)
}

/** The whole command line as a commander program. Told to speak JSON, it leaves it to its caller to say what is wrong. */
export function createProgram(session: Session, json = false): Command {
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
      writeErr: (text) => {
        if (!json) terminal.stderr.write(text)
      },
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
