import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { isZoneName } from '../../domain/zone.ts';
import type { StatementFormat } from './formats.ts';
import { StatementError } from './statement-error.ts';

const column = z.string().min(1).max(200);

/** What a mapping file says about a statement of a format that is not built in. */
export const mappingSchema = z
  .strictObject({
    title: z.string().min(1).max(60).default('the statement of the mapping file'),
    columns: z.strictObject({
      receipt: column.optional(),
      time: column,
      reference: column.optional(),
      narrative: column.optional(),
      paidIn: column.optional(),
      withdrawn: column.optional(),
      amount: column.optional(),
      currency: column.optional(),
      status: column.optional(),
      type: column.optional(),
      linked: column.optional(),
    }),
    completed: z.array(z.string()).min(1).optional(),
    namesReversals: z.literal(true).optional(),
    dateOrder: z.enum(['day-first', 'month-first']).optional(),
    decimalSign: z.enum(['dot', 'comma']).optional(),
    timeZone: z.string().refine(isZoneName, 'must be an IANA time zone such as Africa/Nairobi').optional(),
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code')
      .optional(),
  })
  .refine(({ columns }) => (columns.amount === undefined) !== (columns.paidIn === undefined), {
    path: ['columns'],
    error: 'needs either amount (with a sign) or paidIn (with or without withdrawn)',
  })
  .refine(({ columns }) => columns.receipt !== undefined || columns.reference !== undefined, {
    path: ['columns'],
    error: 'needs receipt or reference, or no row can be matched',
  })
  .refine(({ columns, completed }) => (columns.status === undefined) === (completed === undefined), {
    path: ['completed'],
    error: 'and columns.status need each other: only rows with one of these statuses are payments',
  });

/** Reads a mapping file. @throws StatementError that lists every fault */
export function readMapping(path: string): StatementFormat {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new StatementError(`Cannot read the mapping file ${path}.`, { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new StatementError(`The mapping file ${path} is not JSON.`, { cause });
  }
  const parsed = mappingSchema.safeParse(json);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path: at, message }) => `${at.join('.') || 'it'}: ${message}`);
    throw new StatementError(`The mapping file ${path} is not valid: ${faults.join('; ')}.`);
  }
  const { columns, ...rest } = parsed.data;
  const named = Object.entries(columns).filter(([, name]) => name !== undefined);
  return {
    id: 'mapped',
    ...(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Pick<
      StatementFormat,
      'title'
    >),
    columns: Object.fromEntries(named.map(([field, name]) => [field, [name]])),
    // Every column that the mapping names must be there: a missing one is a mistake in the mapping or another file.
    required: named.map(([field]) => field) as StatementFormat['required'],
  };
}
