/** After this many periods, pending work is considered hung and started again. */
const patiencePeriods = 10;

/** Shares one result among all calls within `ms`, and while the work is pending. */
export function shareFor<T>(ms: number, work: () => Promise<T>): () => Promise<T> {
  let last: { readonly result: Promise<T>; readonly startedAt: number; isOver: boolean } | null = null;
  return () => {
    const age = last === null ? 0 : performance.now() - last.startedAt;
    if (last !== null && (age < ms || (!last.isOver && age < patiencePeriods * ms))) return last.result;
    const begun = { result: work(), startedAt: performance.now(), isOver: false };
    last = begun;
    const over = () => {
      begun.isOver = true;
    };
    begun.result.then(over, over);
    return begun.result;
  };
}
