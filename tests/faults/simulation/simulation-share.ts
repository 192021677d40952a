/** One process of several that share the seeds of the simulation. */
import { runSeeds } from './seeds.ts'
import { runShare } from './share.ts'

await runShare((share, goOn, onSeed) => runSeeds({ ...share, goOn, onSeed }))
