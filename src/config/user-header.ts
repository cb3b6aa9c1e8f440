import { z } from 'zod';

/** Headers that browsers or proxies set for other purposes: what they hold is no user's name, whoever sends them. */
const taken =
  /^(?:accept.*|authorization|connection|content-.*|cookie|date|expect|forwarded|from|host|if-.*|last-event-id|origin|range|referer|sec-.*|te|trailer|transfer-encoding|upgrade|user-agent|via|x-forwarded-(?:for|host|port|proto)|x-real-ip|x-request-id)$/;

/** The name of the header by which a proxy names the user, in lower case as Node has it. */
export const userHeaderSchema = z
  .string()
  .max(64, 'must have at most 64 characters')
  .regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'must be the name of a header, e.g. X-Forwarded-User')
  .transform((name) => name.toLowerCase())
  .refine((name) => !taken.test(name), 'must be a header that has no other purpose, e.g. X-Forwarded-User');
