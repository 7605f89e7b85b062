/** What a look at a deployment has found: each thing `ok`, or wrong with what to do about it. */

export interface Finding {
  /** What was looked at, in a word or two. */
  readonly about: string;
  readonly ok: boolean;
  /** How it stands. Nothing secret, nobody's data. */
  readonly words: string;
  /** What to do; where it is ok: nothing. */
  readonly remedy?: string;
}

export const well = (about: string, words: string): Finding => ({ about, ok: true, words });

export const wrong = (about: string, words: string, remedy: string): Finding => ({ about, ok: false, words, remedy });

/** A look that breaks off is a finding too: the others are made all the same. */
export async function lookedAt(about: string, remedy: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    return [wrong(about, error instanceof Error ? error.message : String(error), remedy)];
  }
}
