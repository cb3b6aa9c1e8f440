/** However long the work takes, it is begun anew after so many of its periods: it may never end. */
const patiencePeriods = 10;

/** The same work for everybody who asks within `ms`, and while it is under way. */
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
