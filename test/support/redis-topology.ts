/** The Redis of a scenario. */
export interface DrillRedis {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** Where the drill itself looks, past any proxy. */
  readonly url: string;
  /** What the processes of the service are told. */
  readonly serviceUrl: string;
  /** Ends every server. Their files lie in the world's folder and go with it. */
  close(): Promise<void>;
}
