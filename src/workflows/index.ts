export { importCredits } from './importCredits.js';
export { loyaltyPayment } from './loyaltyPayment.js';
export { organisationPayment } from './organisationPayment.js';
export { resumedPayment } from './resumedPayment.js';
export { sweepPayments } from './sweepPayments.js';
export { expirePoints } from './expirePoints.js';
export { deliverWebhook } from './deliverWebhook.js';
export { startWebhooks } from './startWebhooks.js';
