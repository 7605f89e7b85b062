/** ISO 4217's code for "no currency": well-formed, and nobody's money. Where it stands, a currency that is not known is meant. */
export const noCurrency = 'XXX';
