import { defineProject, postgres, secret } from 'linkspan'
import { hub } from './hub.ts'

export default defineProject({ ...hub, journal: postgres({ url: secret('DATABASE_URL'), schema: 'hub' }) })
