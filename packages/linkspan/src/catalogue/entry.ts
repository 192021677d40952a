/** The families of the catalogue, in its order. */
export const FAMILIES = [
  'Messaging systems',
  'Messaging channels',
  'Message construction',
  'Message routing',
  'Message transformation',
  'Messaging endpoints',
  'System management',
] as const

/** One of {@link FAMILIES}. */
export type Family = (typeof FAMILIES)[number]

/** Other tools, by the short word that the catalogue uses for them. */
export const TOOLS = {
  camel: 'Apache Camel',
  spring: 'Spring Integration',
  mule: 'Mule',
  ibm: 'IBM Integration Bus (ACE)',
  n8n: 'n8n',
} as const

/** One of {@link TOOLS}. */
export type Tool = keyof typeof TOOLS

/** What an entry is called in each tool; none where it has no construct of its own for it. */
export type Elsewhere = Readonly<Record<Tool, readonly string[]>>

/** One entry of the catalogue of integration patterns. */
export interface CatalogueEntry {
  /** As in Hohpe and Woolf's book or, for those that came later, in Apache Camel. */
  readonly name: string
  /** What it is, in one sentence. Absent where the entry is one step of ours: the step's summary says it. */
  readonly says?: string
  /** The step of ours that is this entry. */
  readonly is?: string
  /** Steps of ours that it is composed of or often used with. */
  readonly with?: readonly string[]
  /** What it is in Linkspan, in a few words of Markdown. @default the step that it is */
  readonly ours?: string
  readonly elsewhere: Elsewhere
}

/** A word of another tool's language that is no pattern of the catalogue. */
export interface LanguageNode {
  readonly names: readonly string[]
  /** The step of ours that is this word, where it is one. */
  readonly step?: string
  /** What one writes in Linkspan, in Markdown. */
  readonly ours: string
  /** The entry to read on. */
  readonly entry?: string
}
