/** The switch that lets no new payment begin: how it stands, and who may turn it. */
import type { Pause } from '../../../ledger/pauses.js';
import { Who } from '../approvals/approvalWords.js';
import type { FormContext } from '../desk.js';
import { ActionForm, Evidence } from '../fields.js';
import { Said, When } from '../values.js';

export const pauseReasons = [
  ['fund_unclear', 'The fund is not what it should be'],
  ['invoicebox_trouble', 'Trouble at Invoicebox'],
  ['fraud', 'Fraud is suspected'],
  ['maintenance', 'Maintenance'],
  ['other', 'Other'],
] as const;
export const resumeReasons = [
  ['solved', 'It is solved'],
  ['mistake', 'It was a mistake'],
  ['other', 'Other'],
] as const;

/** What a page of it was made of: which pause is open, if one is. */
export const versionOf = (pause: Pause | undefined): string => pause?.pauseId ?? 'none';

export function Paused({ pauses, timeZone }: { pauses: readonly Pause[]; timeZone: string }) {
  return (
    <>
      {pauses.map(({ pauseId, ofAll, since, by, reason }) => (
        <p key={pauseId} class="notice" role="alert">
          New payments {ofAll ? 'of all partners' : 'of this partner'} are paused since{' '}
          <When at={since} timeZone={timeZone} />, by <Who who={by} />: <Said text={reason} />
        </p>
      ))}
    </>
  );
}

/** @param pause the one that this form is about, if it is open @param partner null: all of them */
export function PauseForm({
  pause,
  partner,
  forms,
}: {
  pause: Pause | undefined;
  partner: { readonly slug: string; readonly name: string } | null;
  forms: FormContext;
}) {
  const whose = partner === null ? 'all partners' : partner.name.slice(0, 60);
  const hidden = { partner: partner?.slug ?? '', version: versionOf(pause) };
  return pause === undefined ? (
    <details class="act">
      <summary>Pause new payments{partner === null && ' of all partners'}</summary>
      <ActionForm
        forms={forms}
        action="/console/fund/pause"
        confirm={`Let no new payment of ${whose} begin? What is under way goes to its end.`}
        submit="Pause new payments"
        danger
        hidden={hidden}
      >
        <Evidence reasons={pauseReasons} />
      </ActionForm>
    </details>
  ) : (
    <details class="act">
      <summary>Let new payments{partner === null && ' of all partners'} begin again</summary>
      <ActionForm
        forms={forms}
        action="/console/fund/resume"
        confirm={`Let new payments of ${whose} begin again?`}
        submit="Resume new payments"
        hidden={hidden}
      >
        <Evidence reasons={resumeReasons} />
      </ActionForm>
    </details>
  );
}
