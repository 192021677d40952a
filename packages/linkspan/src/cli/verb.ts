import { type Command, CommanderError, type Option } from 'commander'
import type { CliDependencies } from './dependencies.ts'
import { createEngineDoor, type DoorOptions, type EngineDoor } from './engine-door.ts'
import { type ExitCode, OK } from './exit-code.ts'
import { createOutput, type Output } from './output.ts'
import { createProgress, type ProgressBar } from './progress.ts'
import type { Terminal } from './terminal.ts'

/** What a verb works with. */
export interface Context {
  readonly dependencies: CliDependencies
  readonly terminal: Terminal
  readonly out: Output
  readonly door: EngineDoor
  /** The options that say which engine or project is meant. */
  readonly doorOptions: DoorOptions
  /** Runs long work under a progress bar. */
  withProgress<T>(label: string, work: (report: ProgressBar['report']) => Promise<T>): Promise<T>
}

/** What a verb works on: nothing, the project on disk, or an engine. It decides which common options it has. */
export type Reach = 'nothing' | 'project' | 'engine'

/** One verb of the command line, as data and one function. */
export interface VerbSpec<Options> {
  /** Its name and arguments, as `send <flow> [body]`. */
  readonly usage: string
  readonly summary: string
  readonly details?: string
  readonly examples: readonly string[]
  readonly reach: Reach
  readonly options?: readonly Option[]
  readonly hidden?: boolean
  /** Does it, and answers the exit code; nothing means 0. */
  readonly run: (
    context: Context,
    args: readonly string[],
    options: Options,
  ) => Promise<ExitCode | undefined> | ExitCode | undefined
}

/** A verb whose options' types are nobody else's business. */
export type Verb = VerbSpec<never>

/** Verbs under one name, as `dead list`. */
export interface VerbGroup {
  readonly name: string
  readonly summary: string
  readonly verbs: readonly Verb[]
}

/** Types a verb's options for its own function. */
export function defineVerb<Options = object>(spec: VerbSpec<Options>): Verb {
  return spec as unknown as Verb
}

interface CommonOptions extends DoorOptions {
  readonly json?: boolean
  readonly verbose?: boolean
}

/** Where a finished verb leaves its exit code. */
export interface Session {
  readonly dependencies: CliDependencies
  exitCode: ExitCode
}

/** Adds a verb, or a group of them, to a commander program. */
export function register(program: Command, session: Session, verb: Verb | VerbGroup): void {
  if ('run' in verb) registerVerb(program, session, verb)
  else registerGroup(program, session, verb)
}

function registerGroup(program: Command, session: Session, { name, summary, verbs }: VerbGroup): void {
  const group = program.command(name).summary(summary).description(`${summary}.`)
  for (const verb of verbs) registerVerb(group, session, verb)
}

function registerVerb(parent: Command, session: Session, verb: Verb): void {
  const command = parent.command(verb.usage, { hidden: verb.hidden === true })
  command.summary(verb.summary).description([`${verb.summary}.`, verb.details ?? ''].join('\n\n').trim())
  for (const option of verb.options ?? []) command.addOption(option)
  for (const [flags, text] of commonOptions(verb.reach)) command.option(flags, text)
  command.addHelpText('after', examplesText(verb.examples))
  const count = command.registeredArguments.length
  command.action(async (...given: unknown[]) => {
    const args = given.slice(0, count).flat() as string[]
    const options = command.opts() as CommonOptions
    session.exitCode = (await verb.run(contextOf(session, options), args, options as never)) ?? OK
  })
}

function commonOptions(reach: Reach): readonly (readonly [string, string])[] {
  const all: (readonly [string, string])[] = []
  if (reach !== 'nothing')
    all.push([
      '--project <file>',
      'the project file, or its folder (default: linkspan.config.ts upwards from here)',
    ])
  if (reach === 'engine') {
    all.push(['--url <url>', 'an engine elsewhere, as http://127.0.0.1:7070'])
    all.push(['--token <token>', "that engine's admin token (or set LINKSPAN_TOKEN)"])
  }
  all.push(['--json', 'print JSON for programs'])
  all.push(['--verbose', 'print the stack of an error'])
  return all
}

function examplesText(examples: readonly string[]): string {
  const title = examples.length === 1 ? 'Example' : 'Examples'
  return `\n${title}:\n${examples.map((example) => `  $ ${example}`).join('\n')}\n`
}

function contextOf({ dependencies }: Session, options: CommonOptions): Context {
  const { terminal } = dependencies
  const out = createOutput(terminal, options.json === true)
  return {
    dependencies,
    terminal,
    out,
    door: createEngineDoor(dependencies, options),
    doorOptions: options,
    withProgress: async (label, work) => {
      const bar = createProgress(terminal, label, out.json)
      try {
        return await work(bar.report)
      } finally {
        bar.end()
      }
    },
  }
}

/** Whether commander threw this: help that was asked for, or wrong use. */
export function isCommanderError(thrown: unknown): thrown is CommanderError {
  return thrown instanceof CommanderError
}
