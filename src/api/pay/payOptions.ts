export class PayOptions {
  constructor(
    /** Where our own forms come from. */
    readonly origin: string,
    readonly testMode: boolean,
  ) {}
}
