import { env, type Project, secret } from 'linkspan'
import { orders } from './flows/orders.ts'

/** All of the project but its journal. */
export const hub: Omit<Project, 'journal'> = {
  flows: [orders],
  connections: { shipping: { baseUrl: env('SHIPPING_URL') } },
  // A container is reached from outside it; what may reach it is the platform's to say.
  http: { host: env('HOST', '0.0.0.0'), port: env('PORT', '7070'), adminToken: secret('ADMIN_TOKEN') },
  version: env('DEPLOYMENT', 'dev'),
}
