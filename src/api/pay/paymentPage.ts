import type { PaymentEntity } from '../../database/entities/payment.js';
import type { Language } from './format.js';
import type { ViewName } from './viewOf.js';

/** What the page of a payment is made of. */
export interface PaymentPage {
  readonly view: ViewName;
  readonly payment: PaymentEntity;
  readonly language: Language;
  readonly timeZone: string;
  /** Points that the member can spend now. */
  readonly available: number;
  /** This payment's address, without a query. */
  readonly path: string;
  /** The buyer's own payments. */
  readonly listPath: string;
  readonly csrfToken: string;
  readonly idempotencyId: string;
  readonly mayCancel: boolean;
  /** A confirmation was accepted and is not acted on yet: it shows as processing. */
  readonly sent: boolean;
  /** Checked links; null where there is none that may be shown. */
  readonly links: {
    readonly invoice: string | null;
    readonly success: string | null;
    readonly fail: string | null;
    readonly cancel: string | null;
  };
}
