/** The public API of payment-poller. */
export { AccountsUnknownError } from './accounts/known-accounts.ts';
export type { Evidence } from './domain/evidence.ts';
export type { ReadingKind, Reason, Reference, VerdictStatus } from './domain/order.ts';
export {
  type ResultData,
  type ResultEvent,
  resultDataSchema,
  resultEventSchema,
} from './domain/result-event.ts';
export type { EnqueueResult } from './jobs/enqueue-result.ts';
export {
  createProducer,
  type Producer,
  type ProducerOptions,
} from './jobs/producer.ts';
export { type Fault, type OrderInput, orderInputSchema } from './jobs/validate-order.ts';
export { type ReadResultsOptions, type Result, readResults } from './results/replay.ts';
export { type SubscribeOptions, type Subscription, subscribe } from './results/subscribe.ts';
