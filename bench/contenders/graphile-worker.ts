import { makeWorkerUtils, run } from 'graphile-worker';
import { createAsk } from './ask-gateway.ts';
import { type Contender, type Load, orderIdOf, type Place } from './contender.ts';
import { inWorkerProcess } from './in-worker-process.ts';
import { countVerdicts, createVerdictTable, insertVerdicts, verdictValues } from './verdict-table.ts';

/** graphile-worker with its local queue and batched completion; a pending order adds its next job. */
export const graphileWorker: Contender = {
  title: 'graphile-worker, local queue',
  store: 'postgres',
  concurrencies: [24, 50, 100],
  settings:
    'localQueue of 500, completeJobBatchDelay and failJobBatchDelay 0, pool of 20, prepared statements',
  async prepare(place, load) {
    await createVerdictTable(place);
    const utils = await makeWorkerUtils({ connectionString: place.storeUrl });
    await utils.migrate();
    for (let from = 0; from < load.orders; from += perCall) {
      const count = Math.min(perCall, load.orders - from);
      await utils.addJobs(
        Array.from({ length: count }, (_, nth) => {
          return { identifier: 'poll', payload: { orderId: orderIdOf(from + nth) } };
        }),
      );
    }
    await utils.release();
  },
  worker: inWorkerProcess('graphile-worker'),
  published: countVerdicts,
};

const perCall = 2_000;

export async function startWorker(place: Place, load: Load, concurrency: number) {
  const { ask, close } = createAsk(place.gatewayUrl, concurrency);
  const runner = await run({
    preset: {
      worker: {
        connectionString: place.storeUrl,
        concurrentJobs: concurrency,
        maxPoolSize: 20,
        pollInterval: 200,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
    noHandleSignals: true,
    taskList: {
      async poll(payload, { addJob, query }) {
        const { orderId } = payload as { orderId: string };
        const answer = await ask(orderId);
        if (answer.isFinal) await query(insertVerdicts, verdictValues([{ orderId, ...answer }]));
        else await addJob('poll', { orderId }, { runAt: new Date(Date.now() + load.pollEveryMs) });
      },
    },
  });
  return {
    async close() {
      await runner.stop();
      await close();
    },
  };
}
