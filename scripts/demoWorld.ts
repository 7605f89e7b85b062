/** The demo's two partners at the twin and here: a loyalty programme and an organisation. Shared by demo and tests. */
import type { PartnerFile } from './partner.js';

export const demo = {
  loyalty: { slug: 'kafeteriy', account: 'demo-loyalty', token: 'demo-token-loyalty-0123456789abcdef' },
  organisation: { slug: 'romashka', account: 'demo-organisation', token: 'demo-token-organisation-0123456789' },
  loginSecret: 'demo-secret',
  fundMinor: 100_000_000_00,
} as const;

type Timings = NonNullable<PartnerFile['settings']['timings']>;

/** @param host of the simulator, with its port */
export function loyaltyPartner(host: string, timings: Timings = {}): PartnerFile {
  return {
    slug: demo.loyalty.slug,
    name: 'Кафетерий «Плюс»',
    invoiceboxToken: demo.loyalty.token,
    loginSecret: demo.loginSecret,
    settings: {
      invoicebox: { baseUrl: `http://${host}` },
      trustTemporalSignals: true,
      timings,
      loyalty: {
        // One point pays one rouble: 100 kopecks.
        rates: { RUB: { numerator: 1, denominator: 100 } },
        login: { issuer: `http://${host}/idp`, clientId: 'surety' },
        linkHosts: [host],
        support: '8 800 000-00-00',
      },
    },
    funds: [{ currency: 'RUB', deposits: [{ amountMinor: demo.fundMinor, reference: 'bill-1' }] }],
  };
}

export function organisationPartner(host: string, timings: Timings = {}): PartnerFile {
  return {
    slug: demo.organisation.slug,
    name: 'ООО «Ромашка»',
    invoiceboxToken: demo.organisation.token,
    settings: { invoicebox: { baseUrl: `http://${host}` }, trustTemporalSignals: true, timings, organisation: {} },
    funds: [{ currency: 'RUB', deposits: [{ amountMinor: demo.fundMinor, reference: 'bill-1' }] }],
  };
}

/** Points that the demo's buyers start with; Борис is short of them. */
export const startingPoints = { anna: 250_000, boris: 300, vera: 50_000, gleb: 50_000 } as const;
