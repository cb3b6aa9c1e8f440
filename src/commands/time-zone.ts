import { InvalidArgumentError } from 'commander';
import { isZoneName } from '../domain/zone.ts';

/** Parses the value of `--timezone`. */
export function parseZone(text: string): string {
  if (!isZoneName(text))
    throw new InvalidArgumentError('The time zone must be an IANA name such as Africa/Nairobi.');
  return text;
}
