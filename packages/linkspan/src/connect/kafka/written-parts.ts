import type { Failure } from './failures.ts'
import type { PartitionOffset } from './kafka-package.ts'

/** What the error of a request says of its parts. */
export interface WrittenParts {
  /** The partitions that were written all the same, each with the offset of its first record. */
  readonly offsets: readonly PartitionOffset[]
  /** Whether a failure is about a partition: about that one, or about all. */
  concerns(failure: Failure, topic: string, partition: number): boolean
}

interface ProduceAnswer {
  readonly responses: readonly {
    readonly name: string
    readonly partitionResponses: readonly {
      readonly index: number
      readonly errorCode: number
      readonly baseOffset: bigint
    }[]
  }[]
}

interface ClientError {
  readonly errors?: readonly unknown[]
  readonly response?: unknown
  readonly produced?: { readonly offsets?: readonly PartitionOffset[] }
}

/** Reads what the client says of a request that failed, of which parts may have succeeded. */
export function writtenParts(error: unknown): WrittenParts {
  const { produced } = (error ?? {}) as ClientError
  return {
    offsets: [...(produced?.offsets ?? []), ...answersIn(error).flatMap(succeeded)],
    concerns({ path, response }, topic, partition) {
      const [, first, second] = /^\/responses\/(\d+)\/partition_responses\/(\d+)/.exec(path ?? '') ?? []
      if (first === undefined || !isAnswer(response)) return true
      const found = response.responses[Number(first)]
      return found?.name === topic && found.partitionResponses[Number(second)]?.index === partition
    },
  }
}

/** The answers within an error. One request is sent to several brokers, each of which answers for its partitions. */
function answersIn(error: unknown): readonly ProduceAnswer[] {
  const { errors, response } = (typeof error === 'object' && error !== null ? error : {}) as ClientError
  if (isAnswer(response)) return [response]
  return (errors ?? []).flatMap(answersIn)
}

function isAnswer(response: unknown): response is ProduceAnswer {
  return Array.isArray((response as Partial<ProduceAnswer> | null | undefined)?.responses)
}

function succeeded({ responses }: ProduceAnswer): readonly PartitionOffset[] {
  return responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses
      .filter(({ errorCode }) => errorCode === 0)
      .map(({ index, baseOffset }) => ({ topic: name, partition: index, offset: baseOffset })),
  )
}
