/** Invoicebox's dates have whole seconds: whoever reads an expiry and whoever enforces it must see the same moment. */
export function wholeSeconds(time: Date): string {
  return new Date(Math.floor(time.getTime() / 1000) * 1000).toISOString();
}

/** ATOM with an offset, UTC: 2023-12-22T00:00:00+00:00. */
export function atom(isoTime: string): string {
  return `${new Date(isoTime).toISOString().slice(0, 19)}+00:00`;
}

/** «25 декабря 2023 г. в 03:00» in Moscow. */
export function formatTime(isoTime: string): string {
  return new Intl.DateTimeFormat('ru-RU', { dateStyle: 'long', timeStyle: 'short', timeZone: 'Europe/Moscow' }).format(
    new Date(isoTime),
  );
}
