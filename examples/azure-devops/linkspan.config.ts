import { defineProject, env, secret, sqlite } from 'linkspan'
import { pat } from 'linkspan/azure-devops'
import { flows } from './flows/index.ts'

export default defineProject({
  journal: sqlite('data/azure-devops.db'),
  connections: {
    azure: {
      baseUrl: env('AZURE_URL'),
      project: env('AZURE_PROJECT'),
      auth: pat(secret('AZURE_PAT')),
      budget: { rate: 200, per: '1m' },
    },
    chat: { baseUrl: env('CHAT_URL') },
  },
  flows,
  http: { port: env('PORT', '7070') },
})
