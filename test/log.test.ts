/** What may not be told is cut out of a line, wherever somebody has put it. */
import { describe, expect, it } from '@jest/globals';
import { createLog } from '../src/log.js';

/** The one line that this writes, as whoever reads the log gets it. */
function lineOf(write: (log: ReturnType<typeof createLog>) => void): { text: string; fields: Record<string, unknown> } {
  let text = '';
  const log = createLog('test', 'info', {
    write: (line: string) => {
      text += line;
    },
  });
  write(log);
  return { text, fields: JSON.parse(text) as Record<string, unknown> };
}

describe('a line of the log', () => {
  it.each([
    ['authorization', { authorization: 'canary' }],
    ['a header at depth', { request: { headers: { 'Set-Cookie': 'canary', Authorization: 'canary' } } }],
    ['deeper than anybody logs', { a: { b: { c: { d: { e: { phone: 'canary' } } } } } }],
    ['in a list', { customers: [{ email: 'canary', vat_number: 'canary', vatNumber: 'canary' }] }],
    ['tokens', { login: { id_token: 'canary', accessToken: 'canary' }, member: { externalId: 'canary' } }],
    [
      'in what an error carries',
      { error: Object.assign(new Error('broken'), { detail: 'canary', row: { name: 'canary' } }) },
    ],
  ])('%s is cut', (_, fields) => {
    const { text } = lineOf((log) => {
      log.info(fields, 'said');
    });
    expect(text).not.toContain('canary');
  });

  it.each([
    'Bearer canary.canary-1',
    'key sk_live_canary123',
    'secret whsec_canary+/=',
    'to canary@example.org now',
    'called +7 (916) 123-45-09 twice',
    'called +79161234509',
    'called 89161234509',
  ])('"%s" is cut out of a text, whether it is the message, a field or an error', (said) => {
    const { text } = lineOf((log) => {
      log.info({ detail: said, error: new Error(said) }, said);
    });
    expect(text).not.toMatch(/canary|9161234509|916\) 123/);
    expect(text).toContain('[cut]');
  });

  it('ids and figures stay, and those that lines are found by are written the same everywhere', () => {
    const paymentId = '019abcde-7000-7abc-8def-123456789012';
    const { fields } = lineOf((log) => {
      log.info(
        { workflowId: `payment-${paymentId}`, requestId: 'r', invoiceboxRequestId: 'i', amountMinor: 79161234509 },
        'said',
      );
    });
    expect(fields).toMatchObject({
      payment_id: paymentId,
      workflow_id: `payment-${paymentId}`,
      request_id: 'r',
      invoicebox_request_id: 'i',
      amountMinor: 79161234509,
    });
  });

  it('says of an error what it was and where', () => {
    const { fields } = lineOf((log) => {
      log.error({ error: Object.assign(new TypeError('no such thing'), { code: '42P01' }) });
    });
    expect(fields['error']).toMatchObject({
      type: 'TypeError',
      code: '42P01',
      stack: expect.stringContaining('no such thing'),
    });
  });
});
