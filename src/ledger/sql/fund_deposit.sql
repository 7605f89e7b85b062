-- Books money transferred to the guarantee fund, as the operator does who needs no approval (partner apply); once by its bill
-- number. Outcomes: deposited, already_deposited, conflict.
CREATE OR REPLACE FUNCTION fund_deposit(
  p_partner uuid, p_currency text, p_amount_minor bigint, p_reference text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_outcome text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  v_outcome := fund_book(p_partner, 'deposit', p_currency, p_amount_minor, p_reference, p_actor, p_at) ->> 'outcome';
  RETURN jsonb_build_object('outcome', CASE v_outcome
    WHEN 'booked' THEN 'deposited' WHEN 'already_booked' THEN 'already_deposited' ELSE v_outcome END);
END
$$;
