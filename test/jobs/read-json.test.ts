import { describe, expect, test } from 'vitest';
import { readJson } from '../../src/jobs/read-json.ts';

const messages = (text: string) => readJson(text).faults.map(({ message }) => message);

describe('JSON that is submitted', () => {
  test('is read as it stands', () => {
    const text = '{"amount":100.00,"metadata":{"a":[1,{"a":2}],"id":9007199254740991}}';
    expect(readJson(text)).toEqual({ value: JSON.parse(text), faults: [] });
  });

  test.each([
    ['{"amount":"1.00","amount":"2.00"}', 'names "amount" more than once in one object; leave one of them'],
    ['{"metadata":{"a":1,"\\u0061":2}}', 'names "a" more than once in one object; leave one of them'],
    [
      '{"amount":99.99999999999999999}',
      'has more digits in "amount" than a number can hold; write it as a string',
    ],
    ['{"id":9007199254740993}', 'has more digits in "id" than a number can hold; write it as a string'],
  ])('tells what a parser would change: %s', (text, message) => expect(messages(text)).toEqual([message]));

  test('tells every such fault, with names that are harmless to print', () => {
    const told = messages('{"a":1,"a":2,"b":9007199254740993,"\\u001b[2J":1,"\\u001b[2J":2}');
    expect(told).toHaveLength(3);
    for (const message of told) expect(message).not.toMatch(/\p{Cc}/u);
  });

  test('is an error when it is none', () => expect(() => readJson('{"a":')).toThrow(SyntaxError));
});
