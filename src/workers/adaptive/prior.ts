import type { UsualTimes } from '../../providers/usual-times.ts';
import { type CompletionTimes, spread, weightOf } from './completion-times.ts';
import { enoughOrders } from './plan.ts';

/**
 * What is known about an account's orders, with the provider's usual times in place of the orders that it has not observed
 * yet: all of the estimate at first, half of it after 500 orders, none from `enoughOrders` on. Pure.
 */
export function withUsualTimes(observed: CompletionTimes, usual: UsualTimes | undefined): CompletionTimes {
  const missing = enoughOrders - weightOf(observed);
  if (usual === undefined || missing <= 0) return observed;
  const bins = Float64Array.from(observed.bins);
  let [fromMs, from] = [0, 0];
  for (const [toMs, to] of usual) {
    for (const [bin, share] of spread(fromMs, toMs)) {
      bins[bin] = (bins[bin] as number) + missing * (to - from) * share;
    }
    [fromMs, from] = [toMs, to];
  }
  return { bins, never: observed.never + missing * (1 - from) };
}
