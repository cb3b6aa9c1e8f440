/**
 * The simulator as a process of its own, with what its command has no flag for: a clock that is off, and tokens that
 * die before their time. Environment: SIMULATOR_PORT, CLOCK_OFF_MS, TOKEN_LIFE_MS (optional).
 */
import { providerIds, startSimulator } from '../src/simulator/simulator.ts';

const clockOffMs = Number(process.env.CLOCK_OFF_MS ?? 0);
const lifeMs = process.env.TOKEN_LIFE_MS === undefined ? null : Number(process.env.TOKEN_LIFE_MS);

const simulator = await startSimulator({
  port: Number(process.env.SIMULATOR_PORT),
  now: () => Date.now() + clockOffMs,
  ...(lifeMs === null ? {} : { tokenLifetimeMs: Object.fromEntries(providerIds.map((id) => [id, lifeMs])) }),
});

const stop = () => void simulator.close().then(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('disconnect', stop);
process.channel?.unref();
