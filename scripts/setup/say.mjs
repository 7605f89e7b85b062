// What set-up says: short lines to stderr, so that stdout stays the target's own.
const frameMs = 1_000;
const lineMs = 15_000;

export function say(topic, text) {
  process.stderr.write(`surety: ${topic} … ${text}\n`);
}

/** Names everything that could not be had and what to do; printed without a stack. */
export class SetupError extends Error {}

/** Shows how long `work` has taken so far: in place on a terminal, otherwise a line now and then. */
export async function withProgress(topic, what, work) {
  const startedMs = performance.now();
  const line = () => `surety: ${topic} … ${what} (${Math.round((performance.now() - startedMs) / 1_000)} s)`;
  const inPlace = process.stderr.isTTY === true;
  process.stderr.write(inPlace ? line() : `surety: ${topic} … ${what}\n`);
  const timer = setInterval(
    () => process.stderr.write(inPlace ? `\r${line()}` : `${line()}\n`),
    inPlace ? frameMs : lineMs,
  );
  try {
    const result = await work();
    process.stderr.write(inPlace ? `\r${line()}\n` : `${line()}\n`);
    return result;
  } catch (error) {
    process.stderr.write(inPlace ? `\r${line()} failed\n` : `${line()} failed\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/**
 * The record of where one tool was looked for. Every look is said at once; when nothing was found, the same record
 * becomes the error.
 */
export class Looks {
  constructor(tool, { quiet = false } = {}) {
    this.tool = tool;
    this.quiet = quiet;
    this.record = [];
  }

  add(place, result) {
    this.record.push(`${place}: ${result}`);
    if (!this.quiet) say(this.tool, `${place}: ${result}`);
  }

  /** Something that takes a while on the way to a look. */
  during(what, work) {
    return this.quiet ? work() : withProgress(this.tool, what, work);
  }

  error(advice) {
    const places = this.record.map((look) => `  - ${look}`).join('\n');
    return new SetupError(`${this.tool} was not found. Looked at:\n${places}\n${advice}`);
  }
}
