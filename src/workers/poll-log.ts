import type { Log } from '../log.ts';
import type { PollObserver } from './poll-worker.ts';

/** Tells the log what the polls of one account teach. Texts in readings are scrubbed already. */
export function logPolls(log: Log): PollObserver {
  return {
    reading({ order }, reading) {
      const { kind, httpStatus, providerStatus, providerMessage } = reading;
      const line = { orderId: order.orderId, reading: kind, httpStatus, providerStatus, providerMessage };
      if (kind === 'refused') log.warn(line, 'the provider refused our request');
      else if (kind === 'unrecognised') log.warn(line, 'the provider used a word that no table lists; the order stays open');
      else log.debug(line, 'read');
    },
    published(event) {
      const { status, reason, polls } = event.data;
      log.info({ orderId: event.subject, id: event.id, status, reason, polls }, 'published');
    },
    contradiction({ order }, reading) {
      log.error(
        { orderId: order.orderId, reading: reading.kind, providerStatus: reading.providerStatus },
        'the provider contradicts a payment that it had confirmed; the order stays paid, ask the provider',
      );
    },
    error(error, orderId) {
      log.error({ err: error, orderId }, 'a poll could not be completed; it is tried again');
    },
  };
}
