export type { SimulatorFault } from './azure-devops/faults.ts'
export {
  type AzureDevOpsSimulator,
  type AzureDevOpsSimulatorOptions,
  azureDevOpsSimulator,
  type SimulatedWorkItem,
  type SimulatorActs,
  type SimulatorHooks,
} from './azure-devops/simulator.ts'
export {
  type CrashSweepFailure,
  type CrashSweepOptions,
  type CrashSweepReport,
  crashSweep,
} from './crash-sweep.ts'
export type { Fakes } from './fake-flow.ts'
export {
  type FakeEffect,
  type FakeOperation,
  type FakeOptions,
  type FakeRequest,
  fakeOperation,
} from './fake-operation.ts'
export type { FakeOutcome } from './fake-outcome.ts'
export { type LogLine, type MemoryLogger, memoryLogger } from './memory-logger.ts'
export { seededRandom } from './seeded-random.ts'
export type { BoundaryKind } from './sweep/boundaries.ts'
export type { Scenario, ScenarioSteps } from './sweep/scenario.ts'
export {
  type Capability,
  type ConnectorRig,
  type ConnectorUnderTest,
  type DeclareTrial,
  type OperationTrial,
  type SourceTrial,
  type SystemTrial,
  type TrialItem,
  type TrialMessage,
  testConnector,
} from './test-connector.ts'
export { type TestFlow, type TestFlowOptions, testFlow } from './test-flow.ts'
export {
  type DeclareTest,
  type JournalRig,
  type JournalUnderTest,
  type RigEngine,
  type SharedJournalRig,
  testJournal,
} from './test-journal.ts'
export type { WorldSettings } from './test-world.ts'
export { type VirtualClock, type VirtualClockOptions, virtualClock } from './virtual-clock.ts'
