/** The views that `npm run bench -- console` measures: as an operator opens them, in books of a million payments. */

/** Ids of what is there to be looked at. */
export interface Sights {
  readonly partner: string;
  readonly payment: string;
  readonly unknownPayment: string;
  readonly member: string;
  readonly endpoint: string;
  readonly approval: string;
  readonly difference: string;
  /** Somewhere in the middle of all payments. */
  readonly middle: string;
}

export interface BenchedView {
  readonly name: string;
  readonly path: (sights: Sights) => string;
}

const at = (name: string, path: string | ((sights: Sights) => string)): BenchedView => ({
  name,
  path: typeof path === 'string' ? () => path : path,
});

export const benchedViews: readonly BenchedView[] = [
  at('overview', '/console'),
  at('review', '/console/review'),
  at('review of a partner', ({ partner }) => `/console/review?partner=${partner}`),
  at('payments', '/console/payments'),
  at('payments, from the middle on', ({ middle }) => `/console/payments?before=${middle}`),
  at('payments, oldest first', '/console/payments?sort=oldest'),
  at('payments of a partner', ({ partner }) => `/console/payments?partner=${partner}`),
  at('payments in a rare state', '/console/payments?state=cancelled'),
  at('payments for a rare reason', '/console/payments?reason=paid_elsewhere&scheme=loyalty'),
  at('payments of a scheme without any', '/console/payments?scheme=organisation'),
  at('payments of a day', '/console/payments?from=2020-01-01&to=2020-01-01'),
  at('payments of a member', ({ member }) => `/console/payments?member=${member}`),
  at('payment, paid', ({ payment }) => `/console/payments/${payment}`),
  at('payment, unknown', ({ unknownPayment }) => `/console/payments/${unknownPayment}`),
  at('funds', '/console/fund'),
  at('fund of a partner', ({ partner }) => `/console/fund?partner=${partner}`),
  at('fund of a partner, 90 days', ({ partner }) => `/console/fund?partner=${partner}&days=90`),
  at('differences', '/console/reconciliation'),
  at(
    'differences of a partner, explained',
    ({ partner }) => `/console/reconciliation?partner=${partner}&state=explained`,
  ),
  at('differences of a kind', '/console/reconciliation?state=all&kind=ambiguous'),
  at('difference', ({ difference }) => `/console/reconciliation/differences/${difference}`),
  at('runs', '/console/reconciliation/runs'),
  at('member', ({ member }) => `/console/members/${member}`),
  at('webhooks', '/console/webhooks'),
  at('webhooks that failed', '/console/webhooks?state=failed'),
  at('webhooks of an event that is rare', '/console/webhooks?type=fund.low'),
  at('endpoint', ({ endpoint }) => `/console/webhooks/endpoints/${endpoint}`),
  at('approvals', '/console/approvals'),
  at('approvals, all of them', '/console/approvals?state=all'),
  at('approval', ({ approval }) => `/console/approvals/${approval}`),
  at('audit', '/console/audit'),
  at('audit of an operator who did little', '/console/audit?operator=rare'),
  at('audit of a subject', '/console/audit?subject=subject-77'),
];
