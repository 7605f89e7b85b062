-- Opens a payment that only the member of this external id may confirm; he is made where nobody had it yet, and only if the
-- payment is opened. Outcomes: those of payment_open.
DROP FUNCTION IF EXISTS payment_open_named(uuid, uuid, text, text, text, jsonb, jsonb, jsonb, timestamptz);
CREATE OR REPLACE FUNCTION payment_open_named(
  p_partner uuid, p_payment uuid, p_scheme text, p_invoice text, p_external_id text, p_opened_by jsonb,
  p_policy jsonb, p_links jsonb, p_at timestamptz, p_knows_pauses boolean DEFAULT false
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_answer jsonb;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- First of all locks, as in payment_open.
  PERFORM FROM partner WHERE id = p_partner FOR SHARE;
  BEGIN
    v_answer := payment_open(p_partner, p_payment, p_scheme, p_invoice,
      (member_open(p_partner, p_external_id) ->> 'memberId')::uuid, p_opened_by, p_policy, p_links, p_at,
      p_knows_pauses);
    IF v_answer ->> 'outcome' <> 'opened' THEN
      RAISE EXCEPTION USING ERRCODE = 'SU001', MESSAGE = 'nothing was opened';
    END IF;
  EXCEPTION WHEN SQLSTATE 'SU001' THEN
    -- What was made for this payment alone is gone with it.
    NULL;
  END;
  RETURN v_answer;
END
$$;
