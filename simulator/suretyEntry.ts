import type { Simulator } from './simulator.js';

/** Where the payment page sends a buyer who pays with points (contract, section 6, step 1; the default parameter names). */
export function suretyEntry({ config, publicUrl }: Simulator, invoiceId: string): string {
  const entry = new URL(`${config.suretyUrl}/pay/${config.partner}`);
  entry.searchParams.set('invoiceId', invoiceId);
  for (const result of ['success', 'fail', 'cancel'] as const) {
    entry.searchParams.set(`${result}Url`, shopReturn(publicUrl, result, invoiceId));
  }
  return entry.href;
}

export function shopReturn(publicUrl: string, result: 'success' | 'fail' | 'cancel', invoiceId: string): string {
  return `${publicUrl}/shop/return?${new URLSearchParams({ result, invoiceId }).toString()}`;
}
