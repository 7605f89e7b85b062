/** Why a page of the console is not shown, or a form not acted on; the filter of errors makes a page of it. */
export const stops = {
  session_over: {
    status: 401,
    title: 'Your session is over',
    lead: 'Nothing was done. Log in and do it again: what you wrote was not sent.',
  },
  foreign_form: {
    status: 403,
    title: 'This form is not ours',
    lead: 'Nothing was done. It was made for another session, or did not come from this site. Open the page again.',
  },
  no_role: {
    status: 403,
    title: 'Your role does not allow this',
    lead: 'Nothing was done, and that you have tried is in the audit log.',
  },
  other_partner: {
    status: 403,
    title: 'This belongs to a partner whose books you may not see',
    lead: 'Nothing was shown, and that you have tried is in the audit log.',
  },
  stale_login: {
    status: 403,
    title: 'Log in again to do this',
    lead: 'Nothing was done. Money or points depend on it, so you have to prove who you are once more.',
  },
  stale_page: {
    status: 409,
    title: 'This has changed since you opened the page',
    lead: 'Nothing was done. Look at it as it is now, and decide again.',
  },
  too_often: {
    status: 429,
    title: 'Too many requests at once',
    lead: 'Nothing was done. Try again in ten seconds.',
  },
  invalid: {
    status: 422,
    title: 'This cannot be done so',
    lead: 'Nothing was done.',
  },
  not_found: { status: 404, title: 'There is nothing here', lead: 'It never was, or it is somewhere else.' },
  trouble: {
    status: 500,
    title: 'Something went wrong',
    lead: 'If you were changing something, look first whether it was done. It is logged under the request’s id.',
  },
} as const;

export type StopKind = keyof typeof stops;

export class ConsoleStop extends Error {
  constructor(
    readonly kind: StopKind,
    /** What exactly, in words for the operator; shown as text. */
    readonly detail?: string,
    /** Where he goes on. */
    readonly goOn?: string,
  ) {
    super(`${kind}${detail === undefined ? '' : `: ${detail}`}`);
  }
}
