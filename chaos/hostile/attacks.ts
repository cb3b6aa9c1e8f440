import type { Attack } from './attack.ts';
import {
  boardWrites,
  forgedCallbacks,
  hostileOrderIds,
  metricsFlood,
  passwordGuesses,
  wrongKeys,
} from './requests.ts';
import { greedyStreams, greedyWaits, oversizedBodies, slowRequests } from './sockets.ts';
import { subscriberUser } from './subscriber-user.ts';

/** Every attack, all at once. */
export const attacks: readonly Attack[] = [
  slowRequests,
  oversizedBodies,
  forgedCallbacks,
  wrongKeys,
  greedyStreams,
  greedyWaits,
  passwordGuesses,
  boardWrites,
  hostileOrderIds,
  metricsFlood,
  subscriberUser,
];
