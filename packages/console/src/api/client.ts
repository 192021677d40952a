import { keepPreviousData, type UseQueryResult, useQuery } from '@tanstack/react-query'
import type {
  Causes,
  ClusterView,
  EngineStatus,
  FlowStatus,
  Graph,
  HeldKey,
  MessageQuery,
  MessageSummary,
  Page,
  Trace,
} from 'linkspan'
import { type AdminClient, createAdminClient, type Fetch } from 'linkspan/serve'
import { createContext, useContext, useEffect, useState } from 'react'
import { readSample, type Sample } from './metrics.ts'
import { withSample } from './rates.ts'

/** The engine that the console shows. */
export interface EngineApi {
  readonly admin: AdminClient
  /** `/metrics`. */
  metrics(): Promise<string>
}

const send: Fetch = (url, init) => window.fetch(url, init)

/** The engine that this page came from; `path` is that of the page. */
export function engineAt(origin: string, path: string, token: string): EngineApi {
  const url = `${origin}${path.replace(/\/_linkspan\/.*$/, '')}`
  return {
    admin: createAdminClient({ url, token, fetch: send }),
    metrics: async () => (await send(`${url}/metrics`)).text(),
  }
}

export const EngineContext = createContext<EngineApi | null>(null)

/** The engine; only inside of {@link EngineContext}. */
export function useEngine(): EngineApi {
  const engine = useContext(EngineContext)
  if (engine === null) throw new Error('There is no engine around this.')
  return engine
}

const OFTEN_MS = 2_000
const SELDOM_MS = 10_000

export function useStatus(): UseQueryResult<EngineStatus> {
  const { admin } = useEngine()
  return useQuery({ queryKey: ['status'], queryFn: () => admin.status(), refetchInterval: OFTEN_MS })
}

export function useFlows(): UseQueryResult<readonly FlowStatus[]> {
  const { admin } = useEngine()
  return useQuery({ queryKey: ['flows'], queryFn: () => admin.flows(), refetchInterval: OFTEN_MS })
}

export function useGraph(flow: string, codeVersion: string | undefined): UseQueryResult<Graph> {
  const { admin } = useEngine()
  return useQuery({
    queryKey: ['graph', flow, codeVersion],
    queryFn: () => admin.graph(flow),
    enabled: codeVersion !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  })
}

/** What wants a person: read again when a count of it changes, but not more often than every few seconds. */
export function useCauses(): UseQueryResult<Causes> {
  const { admin } = useEngine()
  return useQuery({
    queryKey: ['causes'],
    queryFn: () => admin.causes(),
    refetchInterval: 2 * OFTEN_MS,
    placeholderData: keepPreviousData,
  })
}

export function useCluster(): UseQueryResult<ClusterView> {
  const { admin } = useEngine()
  return useQuery({ queryKey: ['cluster'], queryFn: () => admin.cluster(), refetchInterval: SELDOM_MS })
}

export function useHeldKeys(flow: string | null): UseQueryResult<readonly HeldKey[]> {
  const { admin } = useEngine()
  return useQuery({
    queryKey: ['keys', flow],
    queryFn: () => admin.keys(flow, 20),
    refetchInterval: SELDOM_MS,
  })
}

export function useMessages(query: MessageQuery): UseQueryResult<Page<MessageSummary>> {
  const { admin } = useEngine()
  return useQuery({
    queryKey: ['messages', query],
    queryFn: () => admin.messages(query),
    refetchInterval: query.after === undefined ? SELDOM_MS : false,
    placeholderData: keepPreviousData,
  })
}

const ON_ITS_WAY: readonly string[] = ['active', 'waiting']

export function useTrace(id: string): UseQueryResult<Trace> {
  const { admin } = useEngine()
  return useQuery({
    queryKey: ['trace', id],
    queryFn: () => admin.trace(id),
    refetchInterval: ({ state }) =>
      ON_ITS_WAY.includes(state.data?.message.state ?? 'active') ? OFTEN_MS : SELDOM_MS,
  })
}

const NONE: readonly Sample[] = []
export const SamplesContext = createContext<readonly Sample[]>(NONE)

/** The samples that {@link useSampling} has taken. */
export function useSamples(): readonly Sample[] {
  return useContext(SamplesContext)
}

/** Takes a sample of the engine's counts every two seconds, as long as the console is open. */
export function useSampling(): readonly Sample[] {
  const { metrics } = useEngine()
  const [samples, setSamples] = useState(NONE)
  const { data } = useQuery({ queryKey: ['metrics'], queryFn: metrics, refetchInterval: OFTEN_MS })
  useEffect(() => {
    if (data !== undefined) setSamples((before) => withSample(before, readSample(data)))
  }, [data])
  return samples
}

/** The time by this machine's clock, anew each second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1_000)
    return () => window.clearInterval(timer)
  }, [])
  return now
}
