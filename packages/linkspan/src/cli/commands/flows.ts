import type { FlowStatus } from '../../index.ts'
import { ENDINGS } from '../../model/message.ts'
import type { Column } from '../output.ts'
import { formatAge } from '../time.ts'
import { type Context, defineVerb, type VerbGroup } from '../verb.ts'

/** `linkspan flows`. */
export const flows: VerbGroup = {
  name: 'flows',
  summary: 'List, pause and resume flows',
  verbs: [
    defineVerb({
      usage: 'list',
      summary: 'List the flows with their counts',
      examples: ['linkspan flows list', 'linkspan flows list --json'],
      reach: 'engine',
      run: ({ door, out, terminal }) =>
        door.withReader(async (admin) => {
          out.list(await admin.flows(), columns(terminal.now()), 'The project has no flows.')
          return undefined
        }),
    }),
    defineVerb({
      usage: 'pause <flow>',
      summary: 'Pause a flow: its source stops, what was accepted waits in the journal',
      details: 'Its routes, and send, go on accepting; what they accept waits too.',
      examples: ['linkspan flows pause close-work-items'],
      reach: 'engine',
      run: (context, [flow = '']) => setPaused(context, flow, true),
    }),
    defineVerb({
      usage: 'resume <flow>',
      summary: 'Resume a paused flow',
      examples: ['linkspan flows resume close-work-items'],
      reach: 'engine',
      run: (context, [flow = '']) => setPaused(context, flow, false),
    }),
  ],
}

async function setPaused({ door, out }: Context, flow: string, paused: boolean): Promise<undefined> {
  await door.withEngine((admin) => (paused ? admin.pause(flow) : admin.resume(flow)))
  if (out.json) out.document({ flow, paused })
  else out.line(`${flow} is ${paused ? 'paused' : 'running'}.`)
}

function columns(now: number): readonly Column<FlowStatus>[] {
  return [
    { title: 'FLOW', value: ({ name }) => name, flexible: true },
    {
      title: 'SOURCE',
      value: ({ paused, source }) => (paused ? 'paused' : source.state),
      tone: ({ paused, source }) => (source.state === 'failing' ? 'bad' : paused ? 'warn' : null),
    },
    ...(['active', 'waiting', ...ENDINGS] as const).map((state) => ({
      title: state === 'inDoubt' ? 'IN DOUBT' : state.toUpperCase(),
      align: 'right' as const,
      value: ({ messages }: FlowStatus) => String(messages[state]),
      tone: ({ messages }: FlowStatus) => (isTrouble(state) && messages[state] > 0 ? ('bad' as const) : null),
    })),
    { title: 'OLDEST', value: ({ oldest }) => (oldest === null ? '' : formatAge(oldest, now)) },
    { title: 'DETAIL', value: ({ source }) => source.error?.message ?? '', flexible: true },
  ]
}

function isTrouble(state: string): boolean {
  return state === 'dead' || state === 'inDoubt' || state === 'parked'
}
