/** Places that are held for long, by streams and waits: so many in all, and so many for each caller. */
export interface Places {
  /** Takes one and returns how it is given back; or says who has none left. */
  take(caller: string): (() => void) | 'caller' | 'all';
}

/** One caller that takes all it can get leaves enough for the others. */
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
