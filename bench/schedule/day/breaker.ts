/** The circuit breaker of one account in virtual time, with the default settings of the service. */
export interface SimulatedBreaker {
  /** Until when a poll waits; `null`: it may be sent. */
  waitUntil(now: number, deadline: number): number | null;
  /** What a poll that was sent led to. */
  report(sentAt: number, now: number, isAnswered: boolean): void;
}

const failuresToOpen = 10;
const [firstPauseMs, longestPauseMs] = [5_000, 300_000];
const retryMs = 1_000;
/** Of what the limit allows, orders past their deadline get one in four. */
const deadlineShare = 4;

export function createSimulatedBreaker(ratePerSecond: number): SimulatedBreaker {
  let failures = 0;
  let pauseMs = 0;
  let pausedUntil = 0;
  let probeSentAt: number | null = null;
  let nextDeadlinePollAt = 0;
  return {
    waitUntil(now, deadline) {
      if (pauseMs === 0) return null;
      if (now >= pausedUntil && probeSentAt === null) {
        probeSentAt = now;
        return null;
      }
      if (deadline > now) return Math.min(Math.max(pausedUntil, now) + retryMs, deadline);
      if (now < nextDeadlinePollAt) return nextDeadlinePollAt;
      nextDeadlinePollAt = now + (deadlineShare * 1_000) / ratePerSecond;
      return null;
    },
    report(sentAt, now, isAnswered) {
      const isProbe = sentAt === probeSentAt;
      if (isProbe) probeSentAt = null;
      if (isAnswered) {
        failures = 0;
        if (isProbe) pauseMs = 0;
        return;
      }
      failures += 1;
      if (isProbe) pauseMs = Math.min(2 * pauseMs, longestPauseMs);
      else if (pauseMs === 0 && failures >= failuresToOpen) pauseMs = firstPauseMs;
      else return;
      pausedUntil = now + pauseMs;
    },
  };
}
