import '../patterns/index.ts'

export type {
  AggregateOptions,
  ClosedKeys,
  CollectedMembers,
  CompletedGroup,
  Completion,
  FoldedMembers,
  GroupSignal,
  GroupSoFar,
  MembersAs,
  StoringMembers,
} from '../patterns/aggregate.ts'
export type { Choice, Chosen } from '../patterns/choice.ts'
export type { CircuitBreakerOptions } from '../patterns/circuit-breaker.ts'
export type {
  Claim,
  Claimed,
  ClaimKey,
  ClaimStack,
  MergeOptions,
  Poppable,
  Rebound,
  RestOf,
  StackOf,
  TopOf,
  Without,
} from '../patterns/claim-check.ts'
export type { DedupeOptions, Remember } from '../patterns/dedupe.ts'
export type { DelayOptions } from '../patterns/delay.ts'
export type { GroupOptions } from '../patterns/group.ts'
export type {
  Balanced,
  Choose,
  FailOver,
  LoadBalanceOptions,
  StickTo,
  TargetOptions,
  Targets,
} from '../patterns/load-balance.ts'
export type { LogOptions } from '../patterns/log.ts'
export type { LoopOptions, While } from '../patterns/loop.ts'
export type { CompletionOn, EndedMessage, OnCompletionOptions } from '../patterns/on-completion.ts'
export type {
  Acknowledged,
  Acknowledgement,
  CallOptions,
  CallSettings,
  InputNeeded,
  InputOption,
  InputOptional,
  MaybeAcknowledged,
  NothingToAcknowledge,
  OnUnknown,
} from '../patterns/parts/calling.ts'
export type { Caught } from '../patterns/parts/caught.ts'
export type {
  Answer,
  AnswerJoin,
  AnswersCollected,
  AnswersFolded,
  Branches,
  FanOutOptions,
} from '../patterns/parts/fan-out.ts'
export type { CompletedBy } from '../patterns/parts/group-cell.ts'
export { groupsOf } from '../patterns/parts/groups-of.ts'
export type { Stationed, Stations, StationsOptions } from '../patterns/parts/stations.ts'
export type { StoredMembers } from '../patterns/parts/stored-members.ts'
export type { CommonOptions, FailureOptions, LogLevel, StepContext } from '../patterns/pattern.ts'
export type {
  AnsweredOr,
  CallInput,
  CallResult,
  ChannelBody,
  CheckedUses,
  EventValue,
  OperationUse,
  ProcessContext,
  ProcessOptions,
  Use,
  UsedCalls,
  UsedChannels,
  UsedEvents,
  Uses,
} from '../patterns/process.ts'
export type {
  BodyNeeded,
  BodyOptional,
  Channel,
  PublishedBody,
  PublishSettings,
} from '../patterns/publish.ts'
export type { RaiseOptions } from '../patterns/raise.ts'
export type { RecipientsOptions } from '../patterns/recipients.ts'
export type { BatchOrder, BatchResequenceOptions, ResequenceOptions } from '../patterns/resequence.ts'
export type { SagaOptions, SagaParts, SagaStepOptions, SagaSteps } from '../patterns/saga.ts'
export type { CommonSampleOptions, EveryNth, OnePer, SampleOptions } from '../patterns/sample.ts'
export type { Comparator, ItemOf } from '../patterns/sort.ts'
export type { Collected, Folded, Join, NotJoined, SplitOptions } from '../patterns/split.ts'
export type { StateOptions, StateUpdate } from '../patterns/state.ts'
export type {
  BodyOf,
  Bound,
  Context,
  Ended,
  Facts,
  Failed,
  Flow,
  FlowFacts,
  NamesOf,
  NoNames,
  Steps,
} from '../patterns/steps.ts'
export type { ConcurrencyOptions, ThrottleOptions } from '../patterns/throttle.ts'
export type { Attempt, Catching, Tried } from '../patterns/try.ts'
export type { EventDeclaration, WaitForOptions } from '../patterns/wait-for.ts'
export { type ChannelOptions, channel } from './channel.ts'
export { svg } from './diagram-svg.ts'
export { type EventOptions, event } from './event.ts'
export { type FlowOptions, type FlowStart, flow, type SourceOptions } from './flow.ts'
export { type Graph, type GraphEdge, type GraphGroup, type GraphNode, graph } from './graph.ts'
export { inbox } from './inbox.ts'
export { mermaid } from './mermaid.ts'
export { outline } from './outline.ts'
export { formatPlace } from './place.ts'
