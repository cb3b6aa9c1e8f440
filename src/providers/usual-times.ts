/**
 * How long payments of one kind usually take until the status API shows them as final: an estimate from the provider's
 * documents, by which an account plans its polls until it has observed its own orders (`SCHEDULE=adaptive`).
 *
 * Each point says which share of all orders is final so many milliseconds after its creation; in between they are spread
 * evenly. Both ascend. What is missing to 1 at the last point is never final before the deadline.
 */
export type UsualTimes = readonly (readonly [ms: number, shareFinal: number])[];

/**
 * A prompt on the customer's phone that lives one to three minutes, as M-Pesa's does. A sample of Jenga is paid after 12 s,
 * and the whole process usually takes 10 to 30 s (docs/providers.md section 6); a few results come minutes late.
 */
export const promptOfAMinute: UsualTimes = [
  [3_000, 0],
  [6_000, 0.06],
  [10_000, 0.26],
  [15_000, 0.48],
  [20_000, 0.62],
  [30_000, 0.77],
  [45_000, 0.83],
  [60_000, 0.85],
  [90_000, 0.9],
  [180_000, 0.95],
  [900_000, 0.98],
];

/** A prompt that waits five minutes for the customer's approval, as MTN's does: slower, and unanswered ones end later. */
export const promptOfFiveMinutes: UsualTimes = [
  [3_000, 0],
  [6_000, 0.04],
  [10_000, 0.2],
  [20_000, 0.52],
  [30_000, 0.68],
  [60_000, 0.82],
  [120_000, 0.86],
  [290_000, 0.88],
  [330_000, 0.95],
  [900_000, 0.98],
];

/** A payment page that the customer fills in, by card or phone, at leisure. */
export const paymentPage: UsualTimes = [
  [10_000, 0],
  [30_000, 0.12],
  [60_000, 0.4],
  [120_000, 0.65],
  [300_000, 0.8],
  [600_000, 0.86],
  [1_800_000, 0.92],
];
