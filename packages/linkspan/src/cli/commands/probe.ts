import type { Probe } from '../dev/dev-world.ts'
import { printOf } from '../dev/flow-changes.ts'
import { OK, UNREACHABLE } from '../exit-code.ts'
import { errorText } from '../failure.ts'
import { defineVerb, type Verb } from '../verb.ts'

/** `linkspan probe`, which `dev` runs in a process of its own: loads the project and says what it found. */
export const probe: Verb = defineVerb({
  usage: 'probe',
  summary: 'Load the project and say which flows and files it has',
  examples: ['linkspan probe --json'],
  reach: 'project',
  hidden: true,
  run: async ({ door, dependencies, out, terminal }) => {
    const found = await look()
    if (terminal.supervisor === null) out.document(found)
    else terminal.supervisor.send({ probe: found })
    return found.ok ? OK : UNREACHABLE

    async function look(): Promise<Probe> {
      try {
        const { project, directory } = await door.project()
        const library = await dependencies.library()
        await library.createEngine(project, { directory }).validate()
        return { ok: true, flows: project.flows.map(printOf), files: dependencies.modules.loaded() }
      } catch (error) {
        return { ok: false, error: errorText(error, false), files: dependencies.modules.loaded() }
      }
    }
  },
})
