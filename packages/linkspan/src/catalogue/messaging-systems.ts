import type { CatalogueEntry } from './entry.ts'

/** The family *Messaging systems*. */
export const messagingSystems: readonly CatalogueEntry[] = [
  {
    name: 'Message Channel',
    is: 'publish',
    ours: '`channel(name)`, the step `publish`, and `.from(channel)`',
    elsewhere: {
      camel: ['endpoint', 'seda', 'direct'],
      spring: ['MessageChannel', 'QueueChannel'],
      mule: ['VM connector', 'Publish', 'Listener'],
      ibm: ['MQOutput', 'MQInput', 'queue'],
      n8n: ['Execute Sub-workflow'],
    },
  },
  {
    name: 'Message',
    says: 'What travels: a body with headers, a key and an identity.',
    ours: 'the body, and `ctx` with `id`, `key`, `headers` and `acceptedAt`',
    elsewhere: {
      camel: ['Exchange', 'Message'],
      spring: ['Message'],
      mule: ['Mule event', 'Mule message'],
      ibm: ['message assembly', 'message tree'],
      n8n: ['item'],
    },
  },
  {
    name: 'Pipes and Filters',
    says: 'The output of each step is the input of the next.',
    ours: 'a flow: its steps in a chain',
    with: ['map', 'filter'],
    elsewhere: {
      camel: ['pipeline'],
      spring: ['MessageHandlerChain', 'chain'],
      mule: ['flow'],
      ibm: ['message flow'],
      n8n: ['workflow'],
    },
  },
  {
    name: 'Message Router',
    says: 'Sends a message to different next steps by a condition.',
    ours: 'the step `choice`, or `publish` within its branches',
    with: ['choice', 'publish'],
    elsewhere: {
      camel: ['choice', 'routers'],
      spring: ['@Router'],
      mule: ['Choice', 'routers'],
      ibm: ['Route node', 'RouteToLabel'],
      n8n: ['Switch'],
    },
  },
  {
    name: 'Message Translator',
    is: 'map',
    elsewhere: {
      camel: ['transform', 'setBody', 'bean', 'marshal', 'unmarshal'],
      spring: ['@Transformer'],
      mule: ['Transform Message', 'Set Payload'],
      ibm: ['Compute', 'Mapping node', 'JavaCompute', 'XSLTransform'],
      n8n: ['Edit Fields', 'Set', 'Code'],
    },
  },
  {
    name: 'Message Endpoint',
    says: "Connects an application's code with a channel or a system.",
    ours: "a connector's sources (`.from`) and operations (`call`, `to`)",
    with: ['to'],
    elsewhere: {
      camel: ['from', 'to', 'toD'],
      spring: ['endpoint', '@Endpoint'],
      mule: ['connector operation', 'source'],
      ibm: ['input node', 'output node'],
      n8n: ['trigger node', 'app node'],
    },
  },
]
