interface Created {
  readonly id: string;
  readonly createdAt: string;
}

/** An invoice's place in the order, which it keeps when it changes. */
export interface Slot<Invoice extends Created> {
  invoice: Invoice;
  /** Whole seconds, as the API says them: what it compares is what it shows. */
  readonly createdAtMs: number;
}

/** Invoices by creation: a million of them are listed in pages without being sorted each time. */
export class InvoicesByCreation<Invoice extends Created> {
  /** Raised by every change, so that whoever remembers an answer knows whether it still holds. */
  version = 0;
  readonly #slots = new Map<string, Slot<Invoice>>();
  readonly #ordered: Slot<Invoice>[] = [];

  get size(): number {
    return this.#ordered.length;
  }

  get(id: string): Invoice | undefined {
    return this.#slots.get(id)?.invoice;
  }

  slot(id: string): Slot<Invoice> | undefined {
    return this.#slots.get(id);
  }

  add(invoice: Invoice): void {
    const slot = { invoice, createdAtMs: wholeSecond(Date.parse(invoice.createdAt)) };
    this.#slots.set(invoice.id, slot);
    // Among those of the same second by arrival.
    const at = this.firstAtOrAfter(slot.createdAtMs + 1);
    if (at === this.#ordered.length) this.#ordered.push(slot);
    else this.#ordered.splice(at, 0, slot);
    this.version += 1;
  }

  change(id: string, changes: Partial<Invoice>): void {
    const slot = this.#slots.get(id);
    if (!slot) throw new Error(`The journal changes invoice ${id}, which it never created`);
    slot.invoice = { ...slot.invoice, ...changes };
    this.version += 1;
  }

  /** The place of the first that was created at this time or later. */
  firstAtOrAfter(ms: number): number {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ordered[middle]?.createdAtMs ?? Infinity) < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  between(start: number, end: number): readonly Slot<Invoice>[] {
    return this.#ordered.slice(start, end);
  }
}

export function wholeSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
