/** Postgres writes times with its own offset and digits; ours are ISO 8601 in UTC, to the millisecond. */
export const utc = (text: string): string => new Date(text).toISOString();

export const utcOrNull = (text: string | null): string | null => (text === null ? null : utc(text));
