-- Writes the next event of a payment whose row the caller has locked.
CREATE OR REPLACE FUNCTION payment_event_write(p_partner uuid, p_payment uuid, p_type text, p_body jsonb, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_seq integer;
BEGIN
  UPDATE payment SET event_seq = event_seq + 1 WHERE id = p_payment RETURNING event_seq INTO v_seq;
  INSERT INTO payment_event (partner_id, payment_id, seq, type, body, at)
  VALUES (p_partner, p_payment, v_seq, p_type, p_body, p_at);
END
$$;
