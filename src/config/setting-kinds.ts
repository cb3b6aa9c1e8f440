import { z } from 'zod';

/** Schemas for values that several settings share. */

export const days = z.coerce.number().min(1).max(3_650);
export const ms = z.coerce
  .number()
  .int()
  .min(1)
  .max(366 * 86_400_000);
/** Node's timers are limited to 24 days; longer ones would fire at once. */
export const timerMs = ms.max(86_400_000);

/** A comma-separated list. */
export function listOf(item: z.ZodType<string, string>) {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    )
    .pipe(z.array(item));
}

export const addressForms = [z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()] as const;

/** A comma-separated list of addresses, as `createAddressList` accepts it. */
export const addressList = listOf(
  z.union(
    [...addressForms, z.enum(['loopback', 'linklocal', 'uniquelocal'])],
    'must be addresses, CIDR blocks, or one of the words loopback, linklocal and uniquelocal',
  ),
);
