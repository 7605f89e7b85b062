-- After a pivot call of which no answer came back: from now on this ticket may not start a call.
-- started: it had, so its outcome is unknown; not_started: it never will, so nothing reached Invoicebox.
CREATE OR REPLACE FUNCTION payment_fence(p_partner uuid, p_payment uuid, p_epoch integer, p_ticket integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO STRICT v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF v_payment.epoch > p_epoch THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  UPDATE payment SET fenced_ticket = greatest(fenced_ticket, p_ticket) WHERE id = p_payment;
  RETURN jsonb_build_object('outcome', CASE WHEN EXISTS (
    SELECT FROM payment_attempt WHERE payment_id = p_payment AND epoch = p_epoch AND ticket = p_ticket
  ) THEN 'started' ELSE 'not_started' END);
END
$$;
