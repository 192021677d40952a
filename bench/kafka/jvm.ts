import { join } from 'node:path'
import { downloads } from '../../scripts/services/programs.ts'
import { fromMaven } from '../../scripts/services/maven.ts'

export const camelVersion = '4.22.0'
export const java = '17'

/** Apache Camel with what the relay takes of it. */
export const camel = fromMaven({
  java,
  name: 'camel-kafka-bench',
  version: camelVersion,
  jars: [
    `org.apache.camel:camel-core:${camelVersion}`,
    `org.apache.camel:camel-main:${camelVersion}`,
    `org.apache.camel:camel-kafka:${camelVersion}`,
    `org.apache.camel:camel-jackson:${camelVersion}`,
    'org.slf4j:slf4j-nop:2.0.17',
  ],
})

/** Where the compiled relay is. */
export const classes = (): string => join(downloads(), `camel-kafka-bench-classes-${camelVersion}`)
