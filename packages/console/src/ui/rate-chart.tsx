import { type ReactNode, useEffect, useRef } from 'react'
import UPlot from 'uplot'

const HEIGHT = 150

/** Accepted and failed per second, over time. */
export function RateChart({
  values,
  stepSeconds,
}: {
  readonly values: readonly { readonly accepted: number; readonly failed: number }[]
  readonly stepSeconds: number
}): ReactNode {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | null>(null)
  useEffect(() => {
    const element = host.current
    if (element === null) return
    const made = new UPlot(optionsFor(element), [[], [], []], element)
    plot.current = made
    const watching = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    watching.observe(element)
    return () => {
      watching.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [])
  useEffect(() => {
    plot.current?.setData([
      values.map((_, at) => (at - values.length + 1) * stepSeconds),
      values.map(({ accepted }) => accepted),
      values.map(({ failed }) => failed),
    ])
  }, [values, stepSeconds])
  const last = values.at(-1)
  return (
    <figure>
      <div ref={host} style={{ height: HEIGHT }} aria-hidden />
      <figcaption className="px-2 text-xs text-muted">
        <span className="text-accent">—</span> accepted {last?.accepted.toFixed(1) ?? '–'}{' '}
        <span className="text-bad">┅</span> failed {last?.failed.toFixed(1) ?? '–'}
      </figcaption>
    </figure>
  )
}

function optionsFor(element: HTMLElement): UPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string): string => style.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui',
  }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: { show: false },
    scales: { x: { time: false }, y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [{ ...axis, values: (_plot, ticks) => ticks.map((tick) => `${tick} s`) }, axis],
    series: [
      {},
      { stroke: colour('--accent'), width: 1.5, points: { show: false } },
      { stroke: colour('--bad'), width: 1.5, dash: [4, 3], points: { show: false } },
    ],
  }
}
