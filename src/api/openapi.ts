import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { resultDataSchema } from '../domain/result-event.ts';
import { orderInputSchema } from '../jobs/validate-order.ts';
import { orderSummarySchema, orderViewSchema } from '../orders/view.ts';
import { problemSchema } from './problem.ts';

/**
 * The OpenAPI document, made from the schemas that validate. Schemas with a name become components: generated clients
 * have types for them, and what holds itself (any JSON) can be written down at all.
 */
export function openapi(version: string): FastifyDynamicSwaggerOptions {
  name(orderInputSchema, 'Order');
  name(orderInputSchema.shape.metadata.unwrap().valueType, 'Metadata');
  name(orderViewSchema, 'OrderView');
  name(orderSummarySchema, 'OrderSummary');
  name(orderViewSchema.shape.metadata.valueType, 'Json');
  name(resultDataSchema.shape.metadata.valueType, 'ResultMetadata');
  name(problemSchema, 'Problem');
  return {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'payment-poller',
        version,
        description:
          'Polls mobile-money gateways about pending orders and publishes one evidence-backed verdict per order.',
      },
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ apiKey: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document)),
  };
}

function name(schema: z.ZodType, id: string): void {
  z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id });
}

interface Described {
  paths?: unknown;
  components?: { schemas?: { [name: string]: unknown } };
}

/** Spelt out these hold themselves, which client generators turn into types that do not compile. */
const anyJson: ReadonlySet<string> = new Set(['MetadataInput', 'Json', 'ResultMetadata']);

/** Every named schema is made in two forms, as input and as output; one of them leads nowhere. */
function withoutUnused<Whole extends Described>(whole: Whole): Whole {
  const schemas = whole.components?.schemas ?? {};
  const used = new Set<string>();
  const visit = (part: unknown): void => {
    for (const [, found = ''] of JSON.stringify(part ?? null).matchAll(
      /"#\/components\/schemas\/([^"]+)"/g,
    )) {
      if (used.has(found)) continue;
      used.add(found);
      visit(schemas[found]);
    }
  };
  visit(whole.paths);
  const kept = Object.fromEntries(
    Object.entries(schemas)
      .filter(([each]) => used.has(each))
      .map(([each, schema]) => [each, anyJson.has(each) ? { description: 'Any JSON' } : schema]),
  );
  return { ...whole, components: { ...whole.components, schemas: kept } };
}
