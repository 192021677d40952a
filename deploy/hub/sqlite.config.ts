import { defineProject, env, sqlite } from 'linkspan'
import { hub } from './hub.ts'

export default defineProject({ ...hub, journal: sqlite(env('JOURNAL', 'data/hub.db')) })
