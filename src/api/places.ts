/** Limits long-lived requests, such as event streams and long polls, in total and per caller. */
export interface Places {
  /** Takes a place and returns the function that releases it, or which limit is exhausted. */
  take(caller: string): (() => void) | 'caller' | 'all';
}

/** The limit per caller leaves places for the others. */
export function createPlaces(limits: { readonly all: number; readonly perCaller: number }): Places {
  const held = new Map<string, number>();
  let all = 0;
  return {
    take(caller) {
      const own = held.get(caller) ?? 0;
      if (all >= limits.all) return 'all';
      if (own >= limits.perCaller) return 'caller';
      held.set(caller, own + 1);
      all += 1;
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        all -= 1;
        const left = (held.get(caller) ?? 1) - 1;
        if (left > 0) held.set(caller, left);
        else held.delete(caller);
      };
    },
  };
}
