import { expect, test } from 'vitest';
import { sign } from '../../src/providers/vexora-sign.ts';

// The digests were made with md5sum from the text in each comment.

test('fields sorted by key, nothing between them, the secret behind', () => {
  // code=SHL2A6WAQUtimestamp=1715941383720secret
  const fields = { timestamp: '1715941383720', code: 'SHL2A6WAQU' };
  expect(sign(fields, 'secret', 'append')).toBe('17ee44f4614c083eee2cef08c061f506');
});

test('or the secret in front', () => {
  // secretcode=SHL2A6WAQUtimestamp=1715941383720
  const fields = { code: 'SHL2A6WAQU', timestamp: 1715941383720 };
  expect(sign(fields, 'secret', 'prepend')).toBe('06bc673a003cf6681b424968e1df2a22');
});

test('without sign, nulls and empty values', () => {
  // tradeNo=00000020secret
  const fields = { sign: 'x', tradeNo: '00000020', remark: '', code: null, timestamp: undefined };
  expect(sign(fields, 'secret', 'append')).toBe('39440d2e21cbecac92a536caa164fe18');
});

test('keys in the order of their characters, text in UTF-8', () => {
  // B=2Z=1a=3é=ñsécret
  expect(sign({ é: 'ñ', a: '3', Z: '1', B: '2' }, 'sécret', 'append')).toBe(
    '8b82e5816b65d81ee63f436c1b807986',
  );
});
