import { expect, test } from 'vitest';
import { z } from 'zod';
import { brokenRule } from '../../src/domain/broken-rule.ts';

const rulesOf = (schema: z.ZodType, value: unknown) => schema.safeParse(value).error?.issues.map(brokenRule);

test.each<[string, z.ZodType, unknown, string]>([
  ['a type', z.string(), 5, 'must be a string'],
  ['a whole number', z.int(), 1.5, 'must be a whole number'],
  ['no number', z.number(), 'x', 'must be a number'],
  ['an object', z.object({}), [], 'must be an object'],
  ['a least number', z.number().min(1), 0, 'must be at least 1'],
  ['more than', z.number().positive(), 0, 'must be more than 0'],
  ['a most number', z.number().max(9), 10, 'must be at most 9'],
  ['a short text', z.string().min(1), '', 'must have at least 1 character'],
  ['a long text', z.string().max(3), 'secret', 'must have at most 3 characters'],
  ['a list', z.array(z.string()).max(1), ['a', 'b'], 'must have at most 1 entry'],
  ['a choice', z.enum(['a', 'b']), 'c', 'must be one of a, b'],
  ['a literal', z.literal('a'), 'c', 'must be a'],
  ['a time', z.iso.datetime(), 'yesterday', 'must be an RFC 3339 time such as 2026-11-27T09:00:00Z'],
  ['a URL', z.url(), 'nowhere', 'must be a URL'],
  ['a form', z.string().regex(/^a$/), 'b', 'does not have the required form'],
  ['a union', z.union([z.string(), z.number()]), true, 'is not valid'],
  ['further fields', z.strictObject({}), { more: 1 }, 'has unknown fields: "more"'],
])('%s', (_name, schema, value, rule) => {
  expect(rulesOf(schema, value)).toEqual([rule]);
});

test('what a schema says itself stays as it is', () => {
  expect(rulesOf(z.string().regex(/^a$/, 'must be a.'), 'b')).toEqual(['must be a']);
  expect(rulesOf(z.string('must be an id'), 5)).toEqual(['must be an id']);
});
