-- Records how an attempt ended. A payment's transaction id is kept from this moment, whatever becomes of the run that asked.
-- For want of money although the mirror says enough, and for refused credentials, the partner is flagged.
CREATE OR REPLACE FUNCTION payment_attempt_finish(
  p_partner uuid, p_payment uuid, p_n integer, p_class text, p_code text, p_message text, p_request_id text,
  p_partner_flag text, p_at timestamptz, p_transaction text
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_hold hold;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- The payment's row first, as everywhere: a capture that comes at once waits instead of deadlocking.
  PERFORM FROM payment WHERE id = p_payment FOR UPDATE;
  UPDATE payment_attempt SET finished_at = clock_timestamp(), class = p_class, code = p_code, request_id = p_request_id,
    transaction_id = p_transaction
  WHERE payment_id = p_payment AND n = p_n AND finished_at IS NULL;
  IF p_class = 'refused' THEN
    UPDATE payment SET refusal_code = p_code, refusal_message = p_message WHERE id = p_payment;
  END IF;
  CASE p_partner_flag
    WHEN 'credentials' THEN
      UPDATE partner SET credentials_failed_at = coalesce(credentials_failed_at, p_at) WHERE id = p_partner;
    WHEN 'fund' THEN
      -- Only where the mirror said enough: with the guard `warn` it may have known better.
      SELECT hold.* INTO v_hold FROM hold
        JOIN fund ON fund.partner_id = hold.partner_id AND fund.currency = hold.currency
        JOIN account ON account.partner_id = hold.partner_id AND account.kind = 'fund.available' AND account.asset = hold.currency
        WHERE hold.payment_id = p_payment AND hold.state = 'held' AND account.balance >= -fund.overdraft_minor;
      IF FOUND THEN
        UPDATE partner SET fund_doubted_at = coalesce(fund_doubted_at, p_at) WHERE id = p_partner;
        PERFORM payment_event_write(p_partner, p_payment, 'fund.difference',
          jsonb_build_object('code', p_code, 'requestId', p_request_id), p_at);
        PERFORM fund_difference_tell(p_partner, 'refused_for_want_of_money', v_hold.currency, v_hold.amount_minor, p_payment,
          p_code, NULL, p_at);
      END IF;
    ELSE
      NULL;
  END CASE;
  RETURN jsonb_build_object('outcome', 'recorded');
END
$$;
