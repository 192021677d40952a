import type { CatalogueEntry } from './entry.ts'

/** The family *Message construction*. */
export const messageConstruction: readonly CatalogueEntry[] = [
  {
    name: 'Event Message',
    says: 'Tells that something happened; the sender waits for no answer.',
    ours: '`engine.send`, `route.post` (202), or `publish`',
    with: ['to'],
    elsewhere: {
      camel: ['InOnly', 'inOnly'],
      spring: ['@Gateway with void'],
      mule: ['Async', 'Publish'],
      ibm: ['MQOutput', 'datagram'],
      n8n: ['Webhook: respond immediately'],
    },
  },
  {
    name: 'Request-Reply',
    is: 'reply',
    ours: "the step `reply`, asked for by `engine.request` or `route.post(…, { respond: 'reply' })`",
    elsewhere: {
      camel: ['InOut', 'inOut'],
      spring: ['@MessagingGateway', 'gateway'],
      mule: ['HTTP Listener response', 'Publish Consume'],
      ibm: ['HTTPReply', 'MQReply'],
      n8n: ['Respond to Webhook'],
    },
  },
  {
    name: 'Return Address',
    says: 'The message says where its reply is to be sent.',
    ours: 'a header or field, and a `choice` of the channels that it may name',
    with: ['choice', 'publish'],
    elsewhere: {
      camel: ['JMSReplyTo', 'replyTo'],
      spring: ['replyChannel'],
      mule: ['replyTo'],
      ibm: ['ReplyToQ', 'MQReply'],
      n8n: [],
    },
  },
  {
    name: 'Correlation Identifier',
    says: 'Ties an answer that comes later to the request that it belongs to.',
    is: 'waitFor',
    with: ['raise'],
    ours: 'the steps `waitFor` and `raise`, with an event of the same key',
    elsewhere: {
      camel: ['JMSCorrelationID', 'correlationId'],
      spring: ['correlationId', 'IntegrationMessageHeaderAccessor.CORRELATION_ID'],
      mule: ['correlationId', 'Correlation ID'],
      ibm: ['CorrelId'],
      n8n: [],
    },
  },
  {
    name: 'Message Expiration',
    says: 'After a stated time a message is not to be processed any more.',
    ours: "the flow's `timeLimit`, or a `filter` on `ctx.now`",
    with: ['filter'],
    elsewhere: {
      camel: ['timeToLive', 'JMSExpiration'],
      spring: ['expirationDate'],
      mule: ['timeToLive'],
      ibm: ['Expiry'],
      n8n: [],
    },
  },
]
