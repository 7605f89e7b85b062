import type { Response } from 'express';

/** What an endpoint answers where more than a body is to be said. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** For handlers with `@Res({ passthrough: true })`: sets status and headers. @returns the body, which Nest sends */
export function send(response: Response, answer: ApiAnswer): object {
  response.status(answer.status).set(answer.headers ?? {});
  if (answer.status >= 400) response.type('application/problem+json');
  return answer.body;
}
