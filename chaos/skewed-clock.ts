/**
 * Preloaded into a process (`node --import`): shifts its wall clock by what a file says, in milliseconds, and again
 * whenever the file changes. `performance.now`, timers and all other processes are left alone. Environment: CLOCK_FILE.
 */
import { readFileSync } from 'node:fs';

const file = process.env.CLOCK_FILE ?? '';
const lookMs = 100;
const TrueDate = Date;
const trueNow = Date.now;
let offMs = readOffset();

class SkewedDate extends TrueDate {
  constructor(...given: unknown[]) {
    // The copy of another date, a text, and every other form are what they are; only "now" is another one.
    super(...((given.length === 0 ? [trueNow() + offMs] : given) as [number]));
  }
  static override now(): number {
    return trueNow() + offMs;
  }
}
globalThis.Date = SkewedDate as DateConstructor;
setInterval(() => {
  offMs = readOffset();
}, lookMs).unref();

function readOffset(): number {
  try {
    return Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    // Nobody has turned this clock yet.
    return 0;
  }
}
