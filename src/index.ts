/** The public face of payment-poller. */
export { AccountsUnknownError } from './jobs/known-accounts.ts';
export {
  createProducer,
  type EnqueueResult,
  type Producer,
  type ProducerOptions,
} from './jobs/producer.ts';
export { type Fault, type OrderInput, orderInputSchema } from './jobs/validate-order.ts';
export type { ReadingKind, Reason, Reference, VerdictStatus } from './order.ts';
export type { Evidence } from './orders/evidence.ts';
export { type ResultData, type ResultEvent, resultDataSchema, resultEventSchema } from './results/event.ts';
export { type ReadResultsOptions, type Result, readResults } from './results/read-results.ts';
export { type SubscribeOptions, type Subscription, subscribe } from './results/subscribe.ts';
