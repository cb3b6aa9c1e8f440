import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Bucket bounds of histograms of times. */
export const seconds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];

/** The prefix of the name of every metric. */
export const metricPrefix = 'payment_poller_';

export type Definitions = ReturnType<typeof definitionsIn>;

/** Defines metrics of a registry, under our prefix. */
export function definitionsIn(registry: Registry) {
  const common = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) => ({
    ...{ name: `${metricPrefix}${name}`, help, labelNames, registers: [registry] },
  });
  return {
    counter: <Label extends string = never>(name: string, help: string, labels: readonly Label[] = []) =>
      new Counter<Label>(common(name, help, labels)),
    gauge: <Label extends string = never>(name: string, help: string, labels: readonly Label[] = []) =>
      new Gauge<Label>(common(name, help, labels)),
    histogram: <Label extends string>(
      name: string,
      help: string,
      labels: readonly Label[],
      buckets: number[],
    ) => new Histogram<Label>({ ...common(name, help, labels), buckets }),
  };
}
