import { z } from 'zod';

/** Headers with another purpose, which browsers or proxies set: their values are not user names. */
const taken =
  /^(?:accept.*|authorization|connection|content-.*|cookie|date|expect|forwarded|from|host|if-.*|last-event-id|origin|range|referer|sec-.*|te|trailer|transfer-encoding|upgrade|user-agent|via|x-forwarded-(?:for|host|port|proto)|x-real-ip|x-request-id)$/;

/** The header in which a proxy sends the user's name, in lower case like Node's header names. */
export const userHeaderSchema = z
  .string()
  .max(64, 'must have at most 64 characters')
  .regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'must be the name of a header, e.g. X-Forwarded-User')
  .transform((name) => name.toLowerCase())
  .refine((name) => !taken.test(name), 'must be a header that has no other purpose, e.g. X-Forwarded-User');
