import type { ChildOptions } from '../../test/support/child.ts';
import type { Load, Place } from './contender.ts';

const script = new URL('./worker-process.ts', import.meta.url).pathname;

/** The process of a contender that consists of a `startWorker`. */
export function inWorkerProcess(module: string) {
  return (
    place: Place,
    load: Load,
    concurrency: number,
  ): Pick<ChildOptions, 'script' | 'args' | 'env' | 'port'> => ({
    script,
    args: [module, JSON.stringify({ place, load, concurrency })],
    env: {},
  });
}
