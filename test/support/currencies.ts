/** ISO 4217's code that is reserved for testing: well-formed, and nobody's money. */
export const unknownCurrency = 'XTS';
