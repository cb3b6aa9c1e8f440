// Prints every verdict, from the first one on. Run it while `npm run demo` is running:
//   REDIS_URL=<as printed> npx node --conditions=payment-poller-source examples/subscriber.ts
import { subscribe } from 'payment-poller';

const subscription = subscribe({
  redis: process.env.REDIS_URL || 'redis://127.0.0.1:6379',
  prefix: process.env.PREFIX || 'payments',
  group: 'example',
  consumer: 'one',
  onResult: ({ id, data }) => console.log(id, data.status, data.reason ?? data.receipt ?? ''),
  onError: (error) => console.error(error.message),
});
process.once('SIGTERM', () => subscription.close()).once('SIGINT', () => subscription.close());
