/** Every simulated provider: a new one is one line here. Sorted by name. */

export { airtelMoney } from './airtel-money.ts';
export { darajaStk } from './daraja-stk.ts';
export { daraja } from './daraja-transaction-status.ts';
export { jenga } from './jenga.ts';
export { kopokopo } from './kopokopo.ts';
export { lipia } from './lipia.ts';
export { mtnMomo } from './mtn-momo.ts';
export { pawapay } from './pawapay.ts';
export { paystack } from './paystack.ts';
export { pesapal } from './pesapal.ts';
export { tanda } from './tanda.ts';
export { vexora } from './vexora.ts';
