import type { CatalogueEntry } from './entry.ts'

/** The family *System management*. */
export const systemManagement: readonly CatalogueEntry[] = [
  {
    name: 'Control Bus',
    says: 'Flows are watched and steered while they run.',
    ours: "`engine.admin`, the admin API, and the command line's verbs",
    elsewhere: {
      camel: ['controlbus'],
      spring: ['ControlBusFactoryBean', 'control-bus'],
      mule: ['Runtime Manager'],
      ibm: ['administration REST API', 'ibmint'],
      n8n: ['n8n API'],
    },
  },
  {
    name: 'Detour',
    says: 'Sends messages on a longer way, for checking or debugging, while a switch is on.',
    ours: '`choice` by a header, with the further steps in its branch',
    with: ['choice', 'to'],
    elsewhere: {
      camel: ['intercept', 'interceptFrom', 'interceptSendToEndpoint'],
      spring: ['detour of a router', 'ChannelInterceptor'],
      mule: ['interceptors'],
      ibm: ['Filter node with a user-defined property'],
      n8n: ['IF'],
    },
  },
  {
    name: 'Wire Tap',
    is: 'tap',
    elsewhere: {
      camel: ['wireTap'],
      spring: ['WireTap', 'wire-tap'],
      mule: ['Async'],
      ibm: ['second wire from a terminal', 'monitoring events'],
      n8n: ['second connection from an output'],
    },
  },
  {
    name: 'Message History',
    says: 'The list of the steps that a message passed, with times.',
    ours: '`linkspan trace ID`, made from the record',
    with: ['to'],
    elsewhere: {
      camel: ['messageHistory'],
      spring: ['MessageHistory', 'message-history'],
      mule: ['Anypoint Monitoring'],
      ibm: ['activity log', 'record and replay', 'user trace'],
      n8n: ['executions'],
    },
  },
  {
    name: 'Log',
    is: 'log',
    elsewhere: {
      camel: ['log'],
      spring: ['logging-channel-adapter', 'LoggingHandler'],
      mule: ['Logger'],
      ibm: ['Log node', 'Trace node'],
      n8n: [],
    },
  },
  {
    name: 'Step',
    is: 'group',
    elsewhere: {
      camel: ['step'],
      spring: [],
      mule: ['Tracing module'],
      ibm: ['subflow'],
      n8n: ['Execute Sub-workflow'],
    },
  },
]
