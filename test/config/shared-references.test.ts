import { expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../src/config/config.ts';

test('payments may be shared only where the provider tells how much arrived', () => {
  const lipia = { ACCOUNTS: 'lipia', LIPIA_API_KEY: 'a-key-of-lipia', LIPIA_SHARED_REFERENCES: 'true' };
  expect(readConfig(lipia).accounts[0]?.sharedReferences).toBe(true);
  const faults = () => readConfig({ ACCOUNTS: 'daraja-stk', DARAJA_STK_SHARED_REFERENCES: 'true' });
  expect(faults).toThrow(ConfigError);
  expect(faults).toThrow('DARAJA_STK_SHARED_REFERENCES must be false: daraja-stk does not report the amount');
});
