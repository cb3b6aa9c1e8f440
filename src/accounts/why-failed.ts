import type { Reading } from '../domain/order.ts';

/** Why a poll counts against its account, in words: `HTTP 401: credentials refused`. Texts in readings are redacted already. */
export function whyFailed(reading: Reading): string {
  const { httpStatus, providerStatus, providerMessage } = reading;
  const detail = [providerStatus, providerMessage].find((text) => text !== null && text !== '');
  const what = [wordOf(reading), ...(detail == null ? [] : [`(${detail.slice(0, 120)})`])].join(' ');
  return httpStatus === null ? what : `HTTP ${httpStatus}: ${what}`;
}

function wordOf(reading: Reading): string {
  switch (reading.kind) {
    case 'refused':
      return reading.credentials ? 'credentials refused' : 'request refused';
    case 'unavailable':
      if (reading.throttled) return 'too many requests';
      return reading.httpStatus === null ? 'no answer' : 'no usable answer';
    case 'unrecognised':
      return 'answer not understood';
    case 'paid':
    case 'failed':
    case 'expired':
    case 'pending':
    case 'not-found':
      return reading.kind;
  }
}
