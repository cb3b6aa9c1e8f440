import { plainName, valuesUnder } from './printed-values.ts';

/** Names of ids that the merchant gives, or that count requests and not payments. */
const idName =
  /merchantreference|merchantrequestid|checkoutrequestid|clientreference|conversationid|tradeno$|trackingid|orderid|accountreference|accountnumber|tillnumber|shortcode|externalid|requestid/;

/** The ids of an answer that are no receipt, in capitals: what stands again in the field of the receipt is none. */
export function printedIds(body: unknown): ReadonlySet<string> {
  return new Set(
    valuesUnder(body, (name) => idName.test(plainName(name)))
      .map(({ value }) =>
        typeof value === 'string' || typeof value === 'number' ? spellingOf(String(value)) : '',
      )
      .filter((text) => text !== ''),
  );
}

/** A receipt or an id as it is compared: in capitals. */
export function spellingOf(text: string): string {
  return text.trim().toUpperCase();
}
