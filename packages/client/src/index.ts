/** @surety/client: Surety's API from TypeScript, and its webhooks verified. */
export { createClient, type ClientOptions, type SuretyClient } from './client.js';
export { isProblem, SuretyProblem, SuretyUnreachable, type InvalidField, type ProblemCode } from './problem.js';
export type { components, paths } from './schema.js';
export { typedEvent, verifyWebhook, WebhookRefused, type WebhookEvent } from './webhooks.js';
