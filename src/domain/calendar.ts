/** A day that is in the calendar, `YYYY-MM-DD`. Texts are compared, not parsed: a million of them a file. */
export function isDay(text: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return false;
  const [year, month, day] = [Number(text.slice(0, 4)), Number(text.slice(5, 7)), Number(text.slice(8))];
  if (year < 1900 || month < 1 || month > 12 || day < 1) return false;
  if (day <= 28) return true;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return (
    day <= (month === 2 ? (isLeap ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31)
  );
}
