/** Messages may come from anybody with a Temporal client, so nothing of their shape is believed (cases.md: malformed signals). */
import type { Actor, Cancellation, Confirmation, Probing, Resolution, ResolutionOutcome } from '../domain/payment.js';

const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const actorKinds: readonly string[] = ['member', 'api_key', 'operator', 'signal'] satisfies Actor['kind'][];
const resolutionOutcomes: readonly string[] = ['paid', 'not_paid', 'paid_elsewhere'] satisfies ResolutionOutcome[];
/** Ids and codes of ours: visible ASCII, so that nothing of them can trouble a database or a log. */
const visible = /^[\x21-\x7e]{1,200}$/;

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string' && visible.test(value);
const isUuid = (value: unknown): value is string => typeof value === 'string' && uuid.test(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readActor(value: unknown): Actor | null {
  if (!isFields(value) || !isText(value['kind']) || !isText(value['id'])) return null;
  return actorKinds.includes(value['kind']) ? { kind: value['kind'] as Actor['kind'], id: value['id'] } : null;
}

export function readConfirmation(value: unknown): Confirmation | null {
  if (!isFields(value) || !isFields(value['seen'])) return null;
  const { memberId, seen, confirmationId, notAfter } = value;
  const { amountMinor, currency, points, version } = seen;
  const actor = readActor(value['actor']);
  if (actor === null || !isUuid(confirmationId) || !isCount(notAfter)) return null;
  if (memberId !== null && !isUuid(memberId)) return null;
  if (!isCount(amountMinor) || !isCount(points) || typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency))
    return null;
  if (version !== undefined && !isCount(version)) return null;
  const told = { amountMinor, currency, points, ...(version === undefined ? {} : { version }) };
  return { memberId, seen: told, actor, confirmationId, notAfter };
}

export function readCancellation(value: unknown): Cancellation | null {
  if (!isFields(value)) return null;
  const { reason, notAfter, as } = value;
  const actor = readActor(value['actor']);
  if (actor === null || !isText(reason) || !isCount(notAfter)) return null;
  if (as !== undefined && as !== 'refused') return null;
  return { actor, reason, notAfter, ...(as === undefined ? {} : { as }) };
}

export function readProbing(value: unknown): Probing | null {
  if (!isFields(value)) return null;
  const { confirm, notAfter } = value;
  return typeof confirm === 'boolean' && isCount(notAfter) ? { confirm, notAfter } : null;
}

export function readResolution(value: unknown): Resolution | null {
  if (!isFields(value)) return null;
  const { resolutionId, outcome, notAfter } = value;
  if (!isUuid(resolutionId) || !isText(outcome) || !resolutionOutcomes.includes(outcome)) return null;
  return isCount(notAfter) ? { resolutionId, outcome: outcome as ResolutionOutcome, notAfter } : null;
}
