/** What we use of the package `@platformatic/kafka`; a test puts another one in its place. */
export interface KafkaPackage {
  readonly Producer: new (options: Readonly<Record<string, unknown>>) => KafkaProducer
  readonly Consumer: new (options: Readonly<Record<string, unknown>>) => KafkaConsumer
  readonly Admin: new (options: Readonly<Record<string, unknown>>) => KafkaAdmin
}

/** What is asked of a cluster beside reading and writing. */
export interface KafkaAdmin {
  describeConfigs(options: {
    readonly resources: readonly {
      readonly resourceType: number
      readonly resourceName: string
      readonly configurationKeys: readonly string[]
    }[]
  }): Promise<
    readonly {
      readonly resourceName: string
      readonly configs: readonly { readonly name: string; readonly value?: string | null }[]
    }[]
  >
  close(): Promise<void>
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/** Settings of a topic, by name. */
export interface TopicSettings {
  readonly topic: string
  readonly settings: ReadonlyMap<string, string>
}

/** What every client of the package has. */
interface KafkaBase {
  /** Answers from memory what it was told in the last seconds, unless it is forced. */
  metadata(options: {
    readonly topics: readonly string[]
    readonly forceUpdate?: boolean
  }): Promise<ClusterMetadata>
  close(force?: boolean): Promise<void>
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/** What a cluster says of itself. */
export interface ClusterMetadata {
  readonly brokers: ReadonlyMap<number, { readonly host: string; readonly port: number }>
  readonly topics: ReadonlyMap<
    string,
    {
      readonly id: string
      readonly partitionsCount: number
      readonly partitions: readonly { readonly leader: number }[]
    }
  >
}

/** A place in a partition. */
export interface PartitionOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** A record as the producer takes it; without a value it is a tombstone. */
export interface RecordToSend {
  readonly topic: string
  readonly partition: number
  readonly key?: Buffer
  readonly value?: Buffer
  readonly headers: Map<Buffer, Buffer>
  readonly timestamp?: bigint
}

/** What the producer does for us. */
export interface KafkaProducer extends KafkaBase {
  /** Resolves with the offset of the first record in each partition. */
  send(options: {
    messages: RecordToSend[]
    compression?: string
  }): Promise<{ readonly offsets?: readonly PartitionOffset[] }>
}

/** Which partitions of a topic a member holds. */
export interface Assignment {
  readonly topic: string
  readonly partitions: readonly number[]
}

/** A record as it is read. */
export interface KafkaRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: bigint
  readonly leaderEpoch: number
  readonly key: Buffer | null | undefined
  readonly value: Buffer | null | undefined
  readonly headers: ReadonlyMap<Buffer, Buffer | null | undefined>
}

/** What is read by a member of a group. */
export interface RecordStream {
  /** The next record that has been read ahead, or null. */
  read(): KafkaRecord | null
  close(): Promise<void>
  on(event: 'readable' | 'close' | 'end', listener: () => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/** Offsets of a topic by partition; a partition that was not asked for is missing, -1 stands for none. */
export type OffsetsByTopic = ReadonlyMap<string, readonly (bigint | undefined)[]>

/** What a member of a group does for us. */
export interface KafkaConsumer extends KafkaBase {
  /** Made anew when the group is divided anew. */
  readonly assignments: readonly Assignment[] | null
  /** Joins the group and reads from the committed offsets. */
  consume(options: Readonly<Record<string, unknown>>): Promise<RecordStream>
  commit(options: { offsets: readonly (PartitionOffset & { readonly leaderEpoch: number })[] }): Promise<void>
  listCommittedOffsets(options: { topics: readonly Assignment[] }): Promise<OffsetsByTopic>
  /** At `timestamp`: -2 is the beginning, -1 the end. */
  listOffsets(options: { topics: readonly string[]; timestamp: bigint }): Promise<OffsetsByTopic>
  listOffsetsWithTimestamps(options: {
    topics: readonly string[]
    timestamp: bigint
  }): Promise<ReadonlyMap<string, ReadonlyMap<number, { readonly offset: bigint }>>>
  /** Reads from a broker, without being a member of the group. */
  fetch(options: {
    readonly node: number
    readonly maxWaitTime: number
    readonly minBytes: number
    readonly maxBytes: number
    readonly topics: readonly {
      readonly topicId: string
      readonly partitions: readonly {
        readonly partition: number
        readonly fetchOffset: bigint
        readonly currentLeaderEpoch: number
        readonly lastFetchedEpoch: number
        readonly partitionMaxBytes: number
      }[]
    }[]
  }): Promise<FetchedRecords>
}

/** What a broker answers to {@link KafkaConsumer.fetch}. */
export interface FetchedRecords {
  readonly responses: readonly {
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly records?: readonly {
        readonly firstOffset: bigint
        readonly lastOffsetDelta: number
        readonly records: readonly {
          readonly offsetDelta: number
          readonly headers: readonly (readonly [Buffer | null, Buffer | null])[]
        }[]
      }[]
    }[]
  }[]
}
