-- After a pivot call of which no answer came back: from now on this ticket may not start a call.
-- started: it had, so its outcome is unknown; not_started: it never will, so nothing reached Invoicebox.
CREATE OR REPLACE FUNCTION payment_fence(p_partner uuid, p_payment uuid, p_epoch integer, p_ticket text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_state text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO STRICT v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF v_payment.epoch > p_epoch THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  INSERT INTO payment_ticket (payment_id, ticket, partner_id, state) VALUES (p_payment, p_ticket, p_partner, 'fenced')
  ON CONFLICT DO NOTHING;
  SELECT state INTO STRICT v_state FROM payment_ticket WHERE payment_id = p_payment AND ticket = p_ticket;
  RETURN jsonb_build_object('outcome', CASE v_state WHEN 'spent' THEN 'started' ELSE 'not_started' END);
END
$$;
