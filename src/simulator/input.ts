import { z } from 'zod';
import { providerIds } from './registry.ts';
import { orderScriptSchema, outageScriptSchema } from './script.ts';

const known = { provider: z.enum(providerIds) };

/** What a caller may script, for the providers that there are. */
export const simulatedOrderSchema = orderScriptSchema.safeExtend(known);
export const outageSchema = outageScriptSchema.safeExtend(known);

/** What a caller writes to script an order. */
export type SimulatedOrder = z.input<typeof simulatedOrderSchema>;
/** What a caller writes to make a whole provider unhealthy. */
export type Outage = z.input<typeof outageSchema>;
