-- Books one transfer: the row, and both balances. The caller has locked both accounts, in ascending order of id.
-- p_origin: the transfer that this one takes back.
DROP FUNCTION IF EXISTS ledger_transfer(uuid, uuid, text, uuid, uuid, bigint, text, jsonb, timestamptz);
CREATE OR REPLACE FUNCTION ledger_transfer(
  p_partner uuid, p_payment uuid, p_kind text, p_debit uuid, p_credit uuid, p_amount bigint,
  p_reference text, p_actor jsonb, p_at timestamptz, p_origin uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_transfer uuid := uuidv7();
BEGIN
  UPDATE account SET balance = balance - p_amount WHERE id = p_debit;
  UPDATE account SET balance = balance + p_amount WHERE id = p_credit;
  INSERT INTO transfer (id, partner_id, payment_id, kind, debit, credit, amount, reference, actor, at, origin)
  VALUES (v_transfer, p_partner, p_payment, p_kind, p_debit, p_credit, p_amount, p_reference, p_actor, p_at, p_origin);
  -- All kinds but those of points alone.
  IF p_kind NOT IN ('credit', 'hold', 'capture', 'release', 'expiry', 'reversal') THEN
    PERFORM fund_watch(p_partner, p_debit, p_credit, p_at);
  END IF;
  RETURN v_transfer;
END
$$;
