-- Writes the next event of a payment whose row the caller has locked, and tells the partner where it is one for him: with
-- the payment as it stands now, so the caller has changed the row before. An end is counted in the same breath: once, since it
-- is written once (facts_announce).
CREATE OR REPLACE FUNCTION payment_event_write(p_partner uuid, p_payment uuid, p_type text, p_body jsonb, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
BEGIN
  UPDATE payment SET event_seq = event_seq + 1 WHERE id = p_payment RETURNING * INTO v_payment;
  INSERT INTO payment_event (partner_id, payment_id, seq, type, body, at)
  VALUES (p_partner, p_payment, v_payment.event_seq, p_type, p_body, p_at);
  IF p_type IN ('payment.awaiting_confirmation', 'payment.returned_to_buyer', 'payment.awaiting_approval',
    'payment.returned_to_approver', 'payment.in_review', 'payment.paid',
    'payment.declined', 'payment.expired', 'payment.cancelled')
  THEN
    PERFORM event_publish(p_partner, 'payment.' || v_payment.state, p_payment, v_payment.event_seq, jsonb_build_object(
      'paymentId', v_payment.id,
      'scheme', v_payment.scheme,
      'state', v_payment.state,
      'reason', v_payment.reason,
      'refusalCode', v_payment.refusal_code,
      'invoiceId', v_payment.invoice_id,
      'invoiceNumber', v_payment.invoice_number,
      'amountMinor', v_payment.amount_minor,
      'currency', v_payment.currency,
      'points', v_payment.points,
      'memberId', v_payment.member_id,
      'transactionId', v_payment.transaction_id)
      || CASE v_payment.state WHEN 'awaiting_approval' THEN jsonb_build_object('version', v_payment.read_version)
        ELSE '{}' END, p_at);
  ELSIF p_type = 'payment.returned' THEN
    PERFORM event_publish(p_partner, p_type, p_payment, v_payment.event_seq, p_body, p_at);
  END IF;
  IF p_type IN ('payment.paid', 'payment.declined', 'payment.expired', 'payment.cancelled') THEN
    PERFORM facts_announce(concat_ws(':', 'ended', p_payment, v_payment.scheme, v_payment.state, (
      SELECT round(extract(epoch FROM p_at - max(at)) * 1000)::bigint FROM payment_event
      WHERE payment_id = p_payment AND type = 'payment.settling')));
  END IF;
END
$$;

-- What this transaction makes true and somebody may count or log, by words in the setting surety.facts until it ends: whoever
-- called hears of it after the commit (src/ledger/call.ts). `ended:<payment>:<scheme>:<state>[:<ms since it settled>]`,
-- `released:<payment>`.
CREATE OR REPLACE FUNCTION facts_announce(p_fact text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.facts', concat_ws(',', nullif(current_setting('surety.facts', true), ''), p_fact), true);
END
$$;
