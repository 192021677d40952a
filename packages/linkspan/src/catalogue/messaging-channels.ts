import type { CatalogueEntry } from './entry.ts'

/** The family *Messaging channels*. */
export const messagingChannels: readonly CatalogueEntry[] = [
  {
    name: 'Point-to-Point Channel',
    says: 'Exactly one receiver gets each message.',
    ours: '`channel(name)`, a queue unless told otherwise: one flow consumes it',
    with: ['publish'],
    elsewhere: {
      camel: ['seda', 'jms:queue'],
      spring: ['DirectChannel', 'QueueChannel'],
      mule: ['VM queue', 'Anypoint MQ queue'],
      ibm: ['MQ queue', 'Callable flow'],
      n8n: ['Execute Sub-workflow'],
    },
  },
  {
    name: 'Publish-Subscribe Channel',
    says: 'Each subscriber gets its own copy of every message.',
    ours: "`channel(name, { kind: 'topic' })`, subscribed to by `.from`",
    with: ['publish'],
    elsewhere: {
      camel: ['multicast', 'jms:topic'],
      spring: ['PublishSubscribeChannel'],
      mule: ['Anypoint MQ exchange', 'JMS topic'],
      ibm: ['Publication node'],
      n8n: [],
    },
  },
  {
    name: 'Dead Letter Channel',
    says: 'A message that cannot be processed is tried again by a policy, and then kept aside where it can be seen.',
    ours: 'retry policies, the ending *dead*, and `linkspan dead list` and `dead redeliver`',
    elsewhere: {
      camel: ['deadLetterChannel', 'errorHandler', 'redeliveryPolicy', 'onException'],
      spring: ['errorChannel', 'RequestHandlerRetryAdvice', 'ErrorMessageSendingRecoverer'],
      mule: ['Anypoint MQ dead letter queue', 'Until Successful', 'On Error Propagate'],
      ibm: ['backout queue', 'dead-letter queue', 'Failure terminal'],
      n8n: ['Error Workflow', 'Error Trigger', 'Retry On Fail'],
    },
  },
  {
    name: 'Guaranteed Delivery',
    says: 'A message that was accepted is delivered, even if the system fails in between.',
    ours: 'the journal: a source is acknowledged after the commit, fsync included',
    with: ['to'],
    elsewhere: {
      camel: ['persistent JMS', 'transport of the component'],
      spring: ['MessageStore', 'JdbcChannelMessageStore'],
      mule: ['persistent VM queue', 'Anypoint MQ'],
      ibm: ['persistent MQ messages', 'transaction mode'],
      n8n: [],
    },
  },
  {
    name: 'Channel Adapter',
    is: 'to',
    ours: 'the step `to`, with an operation of a connector',
    elsewhere: {
      camel: ['component'],
      spring: ['inbound-channel-adapter', 'outbound-channel-adapter'],
      mule: ['connector'],
      ibm: ['connector node', 'HTTPRequest', 'FileOutput'],
      n8n: ['app node', 'HTTP Request'],
    },
  },
  {
    name: 'Messaging Bridge',
    says: 'Connects two messaging systems, so that what one has is there in the other too.',
    ours: 'a flow from a source of one system to an operation of the other',
    with: ['to'],
    elsewhere: {
      camel: ['from().to()', 'bridge'],
      spring: ['bridge', '@BridgeFrom'],
      mule: ['flow with two connectors'],
      ibm: ['MQInput to JMSOutput'],
      n8n: ['workflow with two apps'],
    },
  },
  {
    name: 'Message Bus',
    says: 'Applications work together through one common model of messages and know nothing of each other.',
    ours: 'a topic with a schema: each application has one flow to it or from it',
    with: ['publish'],
    elsewhere: {
      camel: ['message bus of routes'],
      spring: ['PublishSubscribeChannel'],
      mule: ['application network', 'canonical model'],
      ibm: ['integration node', 'canonical message'],
      n8n: [],
    },
  },
  {
    name: 'Change Data Capture',
    says: 'Changes in a database become messages.',
    ours: 'the sources `capture`, `changes`, `rows` and `outbox` of `linkspan/sql`',
    elsewhere: {
      camel: ['debezium'],
      spring: ['Debezium channel adapter'],
      mule: ['On Table Row', 'Watermark'],
      ibm: ['DatabaseInput', 'Change Data Capture node'],
      n8n: ['Postgres Trigger'],
    },
  },
]
