import { resolve } from 'node:path'
import { type Connector, configSchema, type Natural, type Operation, text } from 'linkspan/connect'
import type { Command, CommandResult } from '../api/commands.ts'
import { openStore, type Store, type TaskCounts } from '../api/store.ts'

interface StoreConfig {
  readonly path: string
}

/** The hub's own store as a connector: what it takes to make any library an outside system of flows. */
const storeConnector: Connector<StoreConfig, Store> = {
  name: 'task-store',
  spec: {
    summary: 'Tasks, projects and comments in one SQLite file.',
    stability: 'stable',
    options: [{ name: 'path', type: 'string', summary: 'The file.' }],
  },
  config: configSchema<StoreConfig>({ path: text }),
  connect: async ({ path }, { directory }) => openStore(resolve(directory, path)),
  close: async (store) => store.close(),
}

const connection = { name: 'store', connector: storeConnector }

/** Applies a command: `natural`, as the store answers a repeated command id from memory. */
export const applyCommand: Operation<Command, CommandResult, Natural> = {
  connection,
  name: 'apply',
  guarantee: { kind: 'natural' },
  run: async (store, command) => (store as Store).apply(command),
}

/** Counts the tasks of the store. */
export const countTasks: Operation<unknown, TaskCounts, Natural> = {
  connection,
  name: 'count',
  guarantee: { kind: 'natural' },
  run: async (store) => (store as Store).counts(),
}
