-- Books money transferred to the guarantee fund; once by its bill number. Outcomes: deposited, already_deposited, conflict.
CREATE OR REPLACE FUNCTION fund_deposit(
  p_partner uuid, p_currency text, p_amount_minor bigint, p_reference text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_external uuid;
  v_available uuid;
  v_transfer transfer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  v_external := ledger_account(p_partner, 'fund.external', NULL, p_currency);
  v_available := ledger_account(p_partner, 'fund.available', NULL, p_currency);
  PERFORM FROM account WHERE id IN (v_external, v_available) ORDER BY id FOR UPDATE;
  SELECT * INTO v_transfer FROM transfer WHERE partner_id = p_partner AND kind = 'deposit' AND reference = p_reference;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', CASE
      WHEN v_transfer.credit = v_available AND v_transfer.amount = p_amount_minor THEN 'already_deposited' ELSE 'conflict' END);
  END IF;
  PERFORM ledger_transfer(p_partner, NULL, 'deposit', v_external, v_available, p_amount_minor, p_reference, p_actor, p_at);
  RETURN jsonb_build_object('outcome', 'deposited');
END
$$;
