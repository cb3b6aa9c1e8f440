/** The Redis servers of a scenario. */
export interface ChaosRedis {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** URL for the chaos test itself, without a proxy. */
  readonly url: string;
  /** REDIS_URL of the service's processes. */
  readonly serviceUrl: string;
  /** Stops every server. Their files are removed with the run's folder. */
  close(): Promise<void>;
}
