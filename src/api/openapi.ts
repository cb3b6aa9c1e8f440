import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { resultDataSchema } from '../domain/result-event.ts';
import { orderInputSchema } from '../jobs/validate-order.ts';
import { orderSummarySchema, orderViewSchema } from '../orders/view.ts';
import { exampleInput, exampleProblem, exampleSummary, exampleView } from './examples.ts';
import { problemSchema } from './problem.ts';
import { publishedResultSchema } from './results-page.ts';

/**
 * The OpenAPI document, made from the schemas that validate. Schemas with a name become components: generated clients
 * have types for them, and what holds itself (any JSON) can be written down at all.
 */
export function openapi(version: string): FastifyDynamicSwaggerOptions {
  name(orderInputSchema, 'Order', exampleInput);
  name(orderInputSchema.shape.metadata.unwrap().valueType, 'Metadata');
  name(orderViewSchema, 'OrderView', exampleView);
  name(orderSummarySchema, 'OrderSummary', exampleSummary);
  name(publishedResultSchema, 'Result');
  name(orderViewSchema.shape.metadata.valueType, 'Json');
  name(resultDataSchema.shape.metadata.valueType, 'ResultMetadata');
  name(problemSchema, 'Problem', exampleProblem);
  return {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'payment-poller',
        version,
        description:
          'Polls mobile-money gateways about pending orders and publishes one evidence-backed verdict per order. [Overview of the orders](/)',
      },
      servers: [{ url: '/', description: 'The payment-poller that serves this page' }],
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ apiKey: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withoutRandomExamples(withoutUnused(jsonSchemaTransformObject(document))),
  };
}

function name(schema: z.ZodType, id: string, example?: unknown): void {
  z.globalRegistry.add(schema, {
    ...z.globalRegistry.get(schema),
    id,
    ...(example !== undefined && { example }),
  });
}

/**
 * Swagger UI makes up an example for a pattern: thousands of random characters for a long one. Parameters describe in words what they
 * take, so what has no example of its own is described without its pattern.
 */
function withoutRandomExamples<Whole extends object>(whole: Whole): Whole {
  const plain = (_key: string, part: unknown) => {
    if (typeof part !== 'object' || part === null || !('pattern' in part) || 'example' in part) return part;
    if (typeof part.pattern !== 'string') return part;
    const { pattern, ...rest } = part;
    return rest;
  };
  return JSON.parse(JSON.stringify(whole, plain)) as Whole;
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
