import { AsyncLocalStorage } from 'node:async_hooks';

/** The id of the HTTP request on whose behalf something is done, for log lines of parts that know nothing of HTTP. */
export const requestContext = new AsyncLocalStorage<string>();
