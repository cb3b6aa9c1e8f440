import { type GatewayOptions, startGateway } from './gateway.ts';

/** The process behind `gateway-child.ts`: tells its port over the channel, and ends with it. */
const { port } = await startGateway(JSON.parse(process.argv[2] ?? '') as GatewayOptions);
process.send?.({ port });
process.once('disconnect', () => process.exit(0));
