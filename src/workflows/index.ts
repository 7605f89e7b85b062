export { loyaltyPayment } from './loyaltyPayment.js';
export { organisationPayment } from './organisationPayment.js';
export { sweepPayments } from './sweepPayments.js';
