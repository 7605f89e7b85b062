/** What Prometheus would read of a process: samples by name, each with its labels. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Scrape {
  private constructor(
    readonly text: string,
    readonly samples: readonly Sample[],
  ) {}

  static async of(url: string): Promise<Scrape> {
    const response = await fetch(url);
    const text = await response.text();
    if (!response.ok) throw new Error(`${url} answers ${response.status}: ${text}`);
    return new Scrape(text, samplesIn(text));
  }

  /** Names as they stand behind `# TYPE`, and those of a histogram's parts. */
  get names(): ReadonlySet<string> {
    const declared = [...this.text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    );
    return new Set(declared);
  }

  labelNames(name: string): string[] {
    const labels = this.samples
      .filter((sample) => sample.name === name)
      .flatMap((sample) => Object.keys(sample.labels));
    return [...new Set(labels)].sort();
  }

  /** The one sample of this name that has these labels; undefined where there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.samples.filter(
      (sample) => sample.name === name && Object.entries(labels).every(([label, is]) => sample.labels[label] === is),
    );
    if (found.length > 1) throw new Error(`${name} has ${found.length} samples of ${JSON.stringify(labels)}`);
    return found[0]?.value;
  }

  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.samples
      .filter(
        (sample) => sample.name === name && Object.entries(labels).every(([label, is]) => sample.labels[label] === is),
      )
      .reduce((sum, { value }) => sum + value, 0);
  }
}

export const samplesIn = (text: string): Sample[] => text.split('\n').flatMap(sampleIn);

function sampleIn(line: string): Sample[] {
  const [, name, labels, value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
  if (name === undefined || value === undefined) return [];
  const pairs = [...(labels ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', is = '']) => [
    label,
    is,
  ]);
  return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
}
