import type { ReactNode } from 'react'

const WIDTH = 96
const HEIGHT = 22
const POINTS = 60

/** A line of the last values; failures stand as bars below it. The table beside it has the numbers. */
export function Sparkline({
  values,
}: {
  readonly values: readonly { readonly accepted: number; readonly failed: number }[]
}): ReactNode {
  const shown = values.slice(-POINTS)
  const most = Math.max(1e-9, ...shown.map(({ accepted }) => accepted))
  const x = (at: number): number => WIDTH - ((shown.length - 1 - at) * WIDTH) / (POINTS - 1)
  const y = (value: number): number => HEIGHT - 2 - (value / most) * (HEIGHT - 4)
  const line = shown.map(({ accepted }, at) => `${x(at).toFixed(1)},${y(accepted).toFixed(1)}`).join(' ')
  return (
    <svg width={WIDTH} height={HEIGHT} aria-hidden className="block">
      <path
        d={shown.map(({ failed }, at) => (failed > 0 ? `M${x(at).toFixed(1)} ${HEIGHT}v-7` : '')).join('')}
        className="stroke-bad"
        strokeWidth="2"
      />
      <polyline
        points={line}
        fill="none"
        className="stroke-accent"
        strokeWidth="1.5"
        strokeLinejoin="round"
      />
    </svg>
  )
}
