import { LinkspanError } from '../../model/errors.ts'
import type { KafkaClient } from './kafka-client.ts'
import type { TopicSettings } from './kafka-package.ts'

/**
 * Checks that topics can be the only record of their messages: a record that a producer was told of by `acks=all` is on so many
 * replicas, and no replica without it becomes the leader. What producers ask for cannot be seen from here.
 * @throws {LinkspanError} `CONFIG_INVALID` with the setting to change.
 */
export async function checkDurableTopics(
  client: KafkaClient,
  topics: readonly string[],
  minInSync: number,
): Promise<void> {
  for (const settings of await client.topicSettings(topics)) {
    const problem = problemOf(settings, minInSync)
    if (problem === null) continue
    throw new LinkspanError(
      'CONFIG_INVALID',
      `A flow states durability: 'source', and the topic "${settings.topic}" at ${client.system} can lose records that were acknowledged: ${problem}`,
      { details: { topic: settings.topic } },
    )
  }
}

function problemOf({ topic, settings }: TopicSettings, minInSync: number): string | null {
  const inSync = Number(settings.get('min.insync.replicas') ?? 1)
  if (!(inSync >= minInSync))
    return `min.insync.replicas is ${inSync}. Set it to ${minInSync} (kafka-configs --alter --topic ${topic} --add-config min.insync.replicas=${minInSync}), with more replicas than that; or state minInSync: ${inSync} in consume(), where the loss of a broker may lose messages.`
  if (settings.get('unclean.leader.election.enable') === 'true')
    return `unclean.leader.election.enable is true. Set it to false (kafka-configs --alter --topic ${topic} --add-config unclean.leader.election.enable=false).`
  return null
}
