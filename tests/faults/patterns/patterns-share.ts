/** One process of several that share the seeds of random flows. */
import { runShare } from '../simulation/share.ts'
import { runSeeds } from './seeds.ts'

await runShare((share, goOn, onSeed) => runSeeds({ ...share, goOn, onSeed }))
