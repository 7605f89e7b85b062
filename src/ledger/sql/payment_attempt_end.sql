-- For workers of 0.1.0, for one release: they keep no transaction id (payment_attempt_finish.sql does).
CREATE OR REPLACE FUNCTION payment_attempt_end(
  p_partner uuid, p_payment uuid, p_n integer, p_class text, p_code text, p_message text, p_request_id text,
  p_partner_flag text, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  RETURN payment_attempt_finish(p_partner, p_payment, p_n, p_class, p_code, p_message, p_request_id, p_partner_flag, p_at, NULL);
END
$$;
