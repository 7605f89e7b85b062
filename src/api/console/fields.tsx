/** The forms of the console: filters that are sent by GET, and actions with what they ask for. */
import type { ComponentChildren } from 'preact';
import type { FormContext } from './desk.js';

/** Filters are a form that is sent by GET: the address is the page. */
export function Filters({ action, children }: { action: string; children: ComponentChildren }) {
  return (
    <form method="get" action={action} class="filters" role="search">
      {children}
      <button>Show</button>
      <a href={action}>Clear</a>
    </form>
  );
}

export function Choice({
  name,
  label,
  value,
  options,
  all = 'all',
}: {
  name: string;
  label: string;
  value: string | undefined;
  options: readonly (readonly [string, string])[];
  /** What no choice is called. */
  all?: string;
}) {
  return (
    <label>
      <span>{label}</span>
      <select name={name}>
        <option value="">{all}</option>
        {options.map(([key, text]) => (
          <option key={key} value={key} selected={key === value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Field({
  name,
  label,
  value,
  type = 'text',
  most = 200,
  required = false,
  hint,
}: {
  name: string;
  label: string;
  value?: string | undefined;
  type?: InputType;
  most?: number;
  required?: boolean;
  hint?: string;
}) {
  return (
    <label>
      <span>{label}</span>
      {inputOf(type, { name, value: value ?? '', required, autocomplete: 'off' }, most)}
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

type InputType = 'text' | 'date' | 'search' | 'number';

function inputOf(
  type: InputType,
  props: { name: string; value: string; required: boolean; autocomplete: 'off' },
  most: number,
) {
  switch (type) {
    case 'text':
      return <input type="text" maxLength={most} {...props} />;
    case 'search':
      return <input type="search" maxLength={most} {...props} />;
    case 'date':
      return <input type="date" {...props} />;
    case 'number':
      return <input type="number" {...props} />;
  }
}

/** What every action asks for: why, in a few words of a list and in his own, and what proves it. */
export function Evidence({ reasons }: { reasons: readonly (readonly [string, string])[] }) {
  return (
    <>
      <label>
        <span>Reason</span>
        <select name="reason" required>
          <option value="">choose …</option>
          {reasons.map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label class="wide">
        <span>Comment</span>
        <textarea name="comment" required maxLength={1_000} rows={3} />
      </label>
      <label>
        <span>Reference</span>
        <input name="reference" required maxLength={200} autocomplete="off" />
        <small>A case, a bill, a line of a statement: where somebody else finds the proof.</small>
      </label>
    </>
  );
}

/**
 * An action: a form that a script asks about once more. Where money or points depend on it and the login is too old,
 * the way to a new login stands in its place.
 */
export function ActionForm({
  forms,
  action,
  confirm,
  submit,
  needsFresh = false,
  danger = false,
  hidden = {},
  children,
}: {
  forms: FormContext;
  action: string;
  /** The question, which names what will be done. */
  confirm: string;
  submit: string;
  needsFresh?: boolean;
  danger?: boolean;
  /** What the page was made of: `version` of its subject, for one. */
  hidden?: Readonly<Record<string, string | number>>;
  children?: ComponentChildren;
}) {
  if (needsFresh && !forms.isFresh) {
    return (
      <p class="fresh">
        Money or points depend on this: prove once more who you are.{' '}
        <a class="button" href={`/console/login?again=1&goOn=${encodeURIComponent(forms.here)}`}>
          Log in again
        </a>
      </p>
    );
  }
  return (
    <form method="post" action={action} class="action" data-confirm={confirm}>
      <input type="hidden" name="csrf" value={forms.csrf} />
      {Object.entries(hidden).map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
      {children}
      <button class={danger ? 'danger' : 'primary'}>{submit}</button>
    </form>
  );
}
