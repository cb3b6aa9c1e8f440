/** The states that a provider may be scripted to report; how each is printed stands in a table in its file under `apis/`. */
export const plainStates = [
  'not-found',
  'pending',
  'paid',
  'partly-paid',
  'failed:insufficient-funds',
  'failed:cancelled',
  'failed:wrong-pin',
  'failed:limit-exceeded',
  'failed:rejected',
  'expired:not-reached',
  'expired',
] as const;

/** A state with a name of its own. */
export type PlainState = (typeof plainStates)[number];

/** A plain state, or a word that no documentation lists, printed in the field that decides. */
export type State = PlainState | { word: string };

/** The ways in which an answer can go wrong; what each does stands in `fault-replies.ts` and `wire-faults.ts`. */
export const faultKinds = [
  'http-400',
  'http-422',
  'http-500',
  'http-503',
  'http-429',
  'throttled',
  'hang',
  'reset',
  'cut-short',
  'wrong-length',
  'html',
  'oversize',
  'slow',
  'empty',
  'redirect',
  'unauthorised',
  'garbage-json',
] as const;

/** One way in which an answer can go wrong. */
export type FaultKind = (typeof faultKinds)[number];

/** Troubles of a Daraja account that show only in its results: code 2001, code 8006, or silence (providers.md, 2.2). */
export const resultTroubles = ['initiator-invalid', 'credential-locked', 'silent-results'] as const;

/** One trouble of a Daraja account. */
export type ResultTrouble = (typeof resultTroubles)[number];

/** Whether an outage's kind touches Daraja's results and not the requests themselves. */
export function isResultTrouble(kind: FaultKind | ResultTrouble): kind is ResultTrouble {
  return resultTroubles.some((trouble) => trouble === kind);
}
