/** Postgres's time as the API tells it, in UTC. */
export const isoOrNull = (text: string | null): string | null => (text === null ? null : new Date(text).toISOString());
