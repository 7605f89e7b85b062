/** Which namespace this API speaks to; a class, so that Nest can hand it out by type. */
export class TemporalNamespace {
  constructor(readonly name: string) {}
}
