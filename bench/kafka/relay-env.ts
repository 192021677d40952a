/** What a relay from topic to topic is told by its environment. */
export type RelayEnv = {
  readonly brokers: string
  readonly from: string
  readonly to: string
  readonly group: string
  readonly dataDir: string
}

/** Reads it; throws with the missing name. */
export const relayEnv = (env: NodeJS.ProcessEnv = process.env): RelayEnv => ({
  brokers: required(env, 'KAFKA_BROKERS'),
  from: required(env, 'FROM_TOPIC'),
  to: required(env, 'TO_TOPIC'),
  group: required(env, 'GROUP'),
  dataDir: required(env, 'DATA_DIR'),
})

const required = (env: NodeJS.ProcessEnv, name: string): string => {
  const value = env[name]
  if (value !== undefined && value !== '') return value
  throw new Error(
    `${name} is not set: a relay is started by npm run bench -- --only kafka, or by hand with ${name}=…`,
  )
}
