import type { ResultEvent } from '../src/domain/result-event.ts';

/** An id may be used again once its first order is forgotten: only the time of its creation tells the two apart. */
export function orderKey({
  orderId,
  facts,
}: {
  readonly orderId: string;
  readonly facts: Pick<ResultEvent['data'], 'createdAt'>;
}): string {
  return `${orderId} of ${facts.createdAt}`;
}

/** The order that a verdict is about. */
export function verdictKey({ subject, data }: Pick<ResultEvent, 'subject' | 'data'>): string {
  return `${subject} of ${data.createdAt}`;
}
