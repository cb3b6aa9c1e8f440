/**
 * All attacks at once, in a process of its own, until SIGTERM. Environment: TARGET, as JSON. Prints the tally of all answers
 * as a line of JSON, once a second and at the end.
 */
import { once } from 'node:events';
import type { Tally, Target } from './attack.ts';
import { attacks } from './attacks.ts';

process.once('disconnect', () => process.exit(0));
process.channel?.unref();

const target = JSON.parse(process.env.TARGET ?? '') as Target;
const stop = new AbortController();
const tally: Tally = {};
const running = attacks.map(({ name, run }) => {
  const answers: { [answer: string]: number } = {};
  tally[name] = answers;
  const heard = (answer: string) => {
    // What is ended with the attack was never answered.
    if (!stop.signal.aborted) answers[answer] = (answers[answer] ?? 0) + 1;
  };
  return run(target, heard, stop.signal);
});
const print = () => console.log(JSON.stringify(tally));
const printing = setInterval(print, 1_000);
await once(process, 'SIGTERM');
clearInterval(printing);
stop.abort();
await Promise.race([Promise.all(running), new Promise((resolve) => setTimeout(resolve, 3_000))]);
print();
process.exit(0);
