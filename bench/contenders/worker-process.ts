import { once } from 'node:events';
import type { Load, Place, WorkerModule } from './contender.ts';

/** Runs one contender's worker until SIGTERM, or until the benchmark is gone. */

const [module = '', task = '{}'] = process.argv.slice(2);
const { place, load, concurrency } = JSON.parse(task) as { place: Place; load: Load; concurrency: number };
const { startWorker } = (await import(`./${module}.ts`)) as WorkerModule;

process.once('disconnect', () => process.exit(1));
const worker = await startWorker(place, load, concurrency);
await once(process, 'SIGTERM');
await worker.close();
process.exit(0);
