-- Books one transfer: the row, and both balances. The caller has locked both accounts, in ascending order of id.
CREATE OR REPLACE FUNCTION ledger_transfer(
  p_partner uuid, p_payment uuid, p_kind text, p_debit uuid, p_credit uuid, p_amount bigint,
  p_reference text, p_actor jsonb, p_at timestamptz
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_transfer uuid := uuidv7();
BEGIN
  UPDATE account SET balance = balance - p_amount WHERE id = p_debit;
  UPDATE account SET balance = balance + p_amount WHERE id = p_credit;
  INSERT INTO transfer (id, partner_id, payment_id, kind, debit, credit, amount, reference, actor, at)
  VALUES (v_transfer, p_partner, p_payment, p_kind, p_debit, p_credit, p_amount, p_reference, p_actor, p_at);
  RETURN v_transfer;
END
$$;
