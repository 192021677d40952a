import dagre from '@dagrejs/dagre'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import {
  Background,
  Controls,
  type Edge,
  Handle,
  MarkerType,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from '@xyflow/react'
import type { FlowStatus, Graph, GraphNode, StepNode } from 'linkspan'
import { type ReactNode, useMemo, useState } from 'react'
import { useEngine, useFlows, useGraph, useMessages, useSamples } from '../api/client.ts'
import { history, ratesOf, stepRates } from '../api/rates.ts'
import { hrefOf } from '../lib/router.ts'
import { count, duration, rate, share } from '../lib/text.ts'
import { BodyView } from '../ui/body-view.tsx'
import { Badge, Button, Empty, Facts, Failure, Foreign, Panel, stateWord } from '../ui/parts.tsx'
import { RateChart } from '../ui/rate-chart.tsx'
import { MessageTable } from './messages.tsx'

/** One flow: its diagram with what happens on it now, and its state. */
export function FlowPage({ name }: { readonly name: string }): ReactNode {
  const flows = useFlows()
  const flow = flows.data?.find((each) => each.name === name)
  const graph = useGraph(name, flow?.codeVersion)
  if (flows.data === undefined) return flows.error === null ? null : <Failure error={flows.error} />
  if (flow === undefined)
    return (
      <Panel>
        <Empty title={`There is no flow “${name}” in the project.`}>
          It may have been renamed, or taken out.
        </Empty>
      </Panel>
    )
  return (
    <div className="grid gap-4">
      <Head flow={flow} />
      {graph.error !== null && <Failure error={graph.error} />}
      {graph.data !== undefined && <Diagram graph={graph.data} flow={flow} />}
      <Chart name={name} />
      <Latest name={name} />
    </div>
  )
}

function Head({ flow }: { readonly flow: FlowStatus }): ReactNode {
  const { name, definition, paused, source, messages, codeVersion } = flow
  const { admin } = useEngine()
  const client = useQueryClient()
  const change = useMutation({
    mutationFn: () => (paused ? admin.resume(name) : admin.pause(name)),
    onSettled: () => client.invalidateQueries(),
  })
  const rates = ratesOf(useSamples(), name)
  return (
    <Panel label="The flow">
      <div className="grid gap-3 p-4">
        <div className="flex flex-wrap items-center gap-3">
          <h1 className="text-lg font-semibold">
            <Foreign text={name} />
          </h1>
          {paused ? (
            <Badge tint="bg-hold-soft text-hold">‖ paused</Badge>
          ) : (
            <Badge tint="bg-raised text-good">▶ running</Badge>
          )}
          {source.state === 'failing' && <Badge tint="bg-bad-soft text-bad">! source fails</Badge>}
          <span className="grow" />
          <Button
            kind={paused ? 'main' : 'plain'}
            disabled={change.isPending}
            onClick={() => change.mutate()}
          >
            {paused ? 'Resume' : 'Pause'}
          </Button>
        </div>
        {definition.summary !== '' && <p className="text-muted">{definition.summary}</p>}
        {paused && (
          <p className="text-muted">It takes messages and keeps them; none runs until it is resumed.</p>
        )}
        {source.error !== null && <Failure error={source.error} />}
        {change.error !== null && <Failure error={change.error} />}
        <ul className="flex flex-wrap gap-x-5 gap-y-1">
          <li>{rate(rates.accepted)} in per s</li>
          <li>{rates.failed === null ? '–' : share(rates.failed)} failed</li>
          <li>p50 {rates.p50 === null ? '–' : duration(rates.p50)}</li>
          <li>p99 {rates.p99 === null ? '–' : duration(rates.p99)}</li>
          {Object.entries(messages)
            .filter(([, n]) => n > 0)
            .map(([state, n]) => (
              <li key={state}>
                <a className="underline decoration-dotted" href={hrefOf(['messages'], { flow: name, state })}>
                  {count(n)} {stateWord(state as keyof typeof messages)}
                </a>
              </li>
            ))}
        </ul>
        <p className="text-xs text-muted">Code version {codeVersion}</p>
      </div>
    </Panel>
  )
}

const WIDTH = 178
const HEIGHT = 60

type BoxData = GraphNode & { readonly flow: string; readonly [key: string]: unknown }
type Box = Node<BoxData, 'box'>

function laidOut(graph: Graph, flow: string): { readonly nodes: Box[]; readonly edges: Edge[] } {
  const layout = new dagre.graphlib.Graph()
  layout.setGraph({ rankdir: 'LR', nodesep: 18, ranksep: 46 })
  layout.setDefaultEdgeLabel(() => ({}))
  for (const { id } of graph.nodes) layout.setNode(id, { width: WIDTH, height: HEIGHT })
  for (const { from, to } of graph.edges) layout.setEdge(from, to)
  dagre.layout(layout)
  const nodes = graph.nodes.map((data): Box => {
    const { x, y } = layout.node(data.id)
    return {
      ...{ id: data.id, type: 'box', data: { ...data, flow }, draggable: false, connectable: false },
      ...{ position: { x: x - WIDTH / 2, y: y - HEIGHT / 2 }, width: WIDTH, height: HEIGHT },
      ariaLabel: `${data.label}, ${data.detail}`,
    }
  })
  const edges = graph.edges.map(
    ({ from, to, role, label }, at): Edge => ({
      ...{ id: `e${at}`, source: from, target: to, label, focusable: false },
      markerEnd: { type: MarkerType.ArrowClosed },
      ...(role === 'next' ? {} : { style: { strokeDasharray: role === 'failure' ? '2 4' : '6 4' } }),
    }),
  )
  return { nodes, edges }
}

const BOXES = { box: BoxNode }

function BoxNode({ data, selected }: NodeProps<Box>): ReactNode {
  const samples = useSamples()
  const now = data.path === null ? null : stepRates(samples, data.flow, data.path)
  const failing = now !== null && now.failed > 0
  const look =
    data.role === 'source'
      ? 'bg-info-soft'
      : data.role === 'channel'
        ? 'bg-hold-soft'
        : data.role === 'failure'
          ? 'bg-bad-soft'
          : 'bg-surface'
  return (
    <div
      className={`h-full rounded-lg border px-2.5 py-1 text-left leading-tight ${look} ${selected ? 'border-accent ring-2 ring-accent' : failing ? 'border-bad' : 'border-muted/40'}`}
    >
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <div className="truncate text-[13px] font-medium">
        <Foreign text={data.label} />
      </div>
      <div className="truncate text-[11px] text-muted">{data.detail}</div>
      {now !== null && (
        <div className="truncate text-[11px]">
          {rate(now.perSecond)}/s{now.p50 !== null && `, ${duration(now.p50)}`}
          {failing && <b className="text-bad"> ✕ {share(now.failed)}</b>}
        </div>
      )}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  )
}

function Diagram({ graph, flow }: { readonly graph: Graph; readonly flow: FlowStatus }): ReactNode {
  const { nodes, edges } = useMemo(() => laidOut(graph, flow.name), [graph, flow.name])
  const [selected, setSelected] = useState<GraphNode | null>(null)
  const dark = document.documentElement.dataset['theme'] === 'dark'
  const shown = nodes.map((node) => ({ ...node, selected: node.id === selected?.id }))
  return (
    <div
      className={`grid items-start gap-4 ${selected === null ? '' : 'lg:grid-cols-[minmax(0,8fr)_minmax(0,4fr)]'}`}
    >
      <Panel
        title="Diagram"
        label="Diagram"
        aside={<span className="text-xs text-muted">choose a step to see more of it</span>}
      >
        <div className="h-[26rem] border-t border-line">
          <ReactFlow
            nodes={shown}
            edges={edges}
            nodeTypes={BOXES}
            colorMode={dark ? 'dark' : 'light'}
            fitView
            fitViewOptions={{ padding: 0.03, minZoom: 0.3, maxZoom: 1 }}
            minZoom={0.15}
            nodesConnectable={false}
            deleteKeyCode={null}
            proOptions={{ hideAttribution: true }}
            onNodeClick={(_, node) => setSelected(node.data)}
            onPaneClick={() => setSelected(null)}
            onSelectionChange={({ nodes: [node] }) => node !== undefined && setSelected((node as Box).data)}
          >
            <Background />
            <Controls showInteractive={false} />
          </ReactFlow>
        </div>
      </Panel>
      {selected !== null && <StepPanel node={selected} flow={flow} onClose={() => setSelected(null)} />}
    </div>
  )
}

function stepAt(steps: readonly StepNode[], path: string, scope = ''): StepNode | undefined {
  for (const step of steps) {
    const own = scope === '' ? step.name : `${scope}/${step.name}`
    if (own === path) return step
    for (const inner of step.scopes) {
      const found = stepAt(inner.steps, path, inner.name === '' ? own : `${own}/${inner.name}`)
      if (found !== undefined) return found
    }
  }
  return undefined
}

function StepPanel({
  node: { label, kind, path, detail, guarantee },
  flow: { name, definition },
  onClose,
}: {
  readonly node: GraphNode
  readonly flow: FlowStatus
  readonly onClose: () => void
}): ReactNode {
  const step = path === null ? undefined : stepAt(definition.steps, path)
  const options = step?.options ?? (path === null && kind === 'source' ? definition.source.options : {})
  const now = stepRates(useSamples(), name, path ?? '')
  return (
    <Panel
      label="The step"
      title={<Foreign text={label} />}
      aside={
        <Button kind="quiet" onClick={onClose}>
          Close
        </Button>
      }
    >
      <div className="grid gap-3 px-4 pb-4">
        <Facts
          facts={[
            ['Kind', detail],
            ['Path', path === null ? '–' : <Foreign key="path" text={path} />],
            ['Guarantee', guarantee ?? '–'],
            ...(now === null
              ? []
              : ([
                  ['Attempts', `${rate(now.perSecond)} per s`],
                  ['Failed', share(now.failed)],
                  ['Takes', now.p50 === null ? '–' : duration(now.p50)],
                ] as const)),
          ]}
        />
        {Object.keys(options).length > 0 && <BodyView value={options} label="Options" />}
      </div>
    </Panel>
  )
}

function Chart({ name }: { readonly name: string }): ReactNode {
  const past = history(useSamples(), name)
  return (
    <Panel title="Per second, since the console was opened" label="Rates">
      <div className="px-2 pb-2">
        <RateChart values={past} stepSeconds={2} />
      </div>
    </Panel>
  )
}

function Latest({ name }: { readonly name: string }): ReactNode {
  const { data } = useMessages({ flow: name, limit: 10 })
  if (data === undefined) return null
  return (
    <Panel
      title="Latest messages"
      label="Latest messages"
      aside={
        <a className="text-accent underline" href={hrefOf(['messages'], { flow: name })}>
          all
        </a>
      }
    >
      {data.items.length === 0 ? <Empty title="No message came yet." /> : <MessageTable items={data.items} />}
    </Panel>
  )
}
