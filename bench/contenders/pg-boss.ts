import { PgBoss } from 'pg-boss';
import { createAsk } from './ask-gateway.ts';
import { type Contender, type Load, orderIdOf, type Place } from './contender.ts';
import { inWorkerProcess } from './in-worker-process.ts';
import { countVerdicts, createVerdictTable, insertVerdicts, verdictValues } from './verdict-table.ts';

/**
 * pg-boss with batches: one fetch for many jobs, and one transaction that completes them, adds those that are to be asked
 * again, and writes the verdicts.
 */
export const pgBoss: Contender = {
  title: 'pg-boss, in batches',
  store: 'postgres',
  concurrencies: [100, 200, 400, 800],
  settings:
    'two workers of half the polls each: batchSize, burstWhenBatchFull, transactional; a partition of its own',
  async prepare(place, load) {
    await createVerdictTable(place);
    const boss = await startBoss(place.storeUrl);
    await boss.createQueue(queueName, { partition: true, retryLimit: 1_000 });
    for (let from = 0; from < load.orders; from += perCall) {
      const count = Math.min(perCall, load.orders - from);
      await boss.insert(
        queueName,
        Array.from({ length: count }, (_, nth) => ({ data: { orderId: orderIdOf(from + nth) } })),
      );
    }
    await boss.stop({ graceful: false });
  },
  worker: inWorkerProcess('pg-boss'),
  published: countVerdicts,
};

const queueName = 'orders';
const perCall = 2_000;
const workers = 2;
const stopMs = 5_000;

interface OrderJob {
  readonly orderId: string;
}

export async function startWorker(place: Place, load: Load, concurrency: number) {
  const { ask, close } = createAsk(place.gatewayUrl, concurrency);
  const boss = await startBoss(place.storeUrl);
  const options = {
    batchSize: Math.ceil(concurrency / workers),
    localConcurrency: workers,
    burstWhenBatchFull: true,
    transactional: true,
    pollingIntervalSeconds: 0.5,
  } as const;
  await boss.work<OrderJob, void, typeof options>(queueName, options, async (jobs, db) => {
    const answers = await Promise.all(
      jobs.map(async ({ data }) => ({ ...data, ...(await ask(data.orderId)) })),
    );
    const final = answers.filter(({ isFinal }) => isFinal);
    const startAfter = new Date(Date.now() + load.pollEveryMs);
    const again = answers.filter(({ isFinal }) => !isFinal);
    if (again.length > 0) {
      await boss.insert(
        queueName,
        again.map(({ orderId }) => ({ data: { orderId }, startAfter })),
        { db },
      );
    }
    if (final.length > 0) await db.executeSql(insertVerdicts, verdictValues(final));
  });
  return {
    async close() {
      await boss.stop({ graceful: true, timeout: stopMs });
      await close();
    },
  };
}

async function startBoss(connectionString: string): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString, max: 10 });
  boss.on('error', (error) => console.error(error));
  return boss.start();
}
