-- Inserts the row of a new payment, or returns the invoice's live-or-paid one.
-- Outcomes: opened, existing {paymentId, state, epoch, scheme, policy, openedBy, memberId | null: of him who alone may confirm};
-- refused {reason} when the partner can't pay now: credentials,
-- fund_unavailable, paused (pause.sql; to a caller of the release before, which knows no pause: fund_unavailable).
DROP FUNCTION IF EXISTS payment_open(uuid, uuid, text, text, uuid, jsonb, jsonb, jsonb, timestamptz);
CREATE OR REPLACE FUNCTION payment_open(
  p_partner uuid, p_payment uuid, p_scheme text, p_invoice text, p_member uuid, p_opened_by jsonb,
  p_policy jsonb, p_links jsonb, p_at timestamptz, p_knows_pauses boolean DEFAULT false
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_partner partner;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- Whoever flags the partner meanwhile waits, or is waited for: of two callers who open one invoice, none is refused
  -- because of a flag while the other, who has read before it, opens.
  SELECT * INTO v_partner FROM partner WHERE id = p_partner FOR SHARE;
  SELECT * INTO v_payment FROM payment
  WHERE partner_id = p_partner AND invoice_id = lower(p_invoice) AND state NOT IN ('declined', 'expired', 'cancelled');
  IF NOT FOUND THEN
    SELECT * INTO v_payment FROM payment WHERE id = p_payment;
  END IF;
  IF NOT FOUND THEN
    IF pause_covers(p_partner) THEN
      RETURN jsonb_build_object('outcome', 'refused',
        'reason', CASE WHEN p_knows_pauses THEN 'paused' ELSE 'fund_unavailable' END);
    END IF;
    IF v_partner.credentials_failed_at IS NOT NULL THEN
      RETURN jsonb_build_object('outcome', 'refused', 'reason', 'credentials');
    END IF;
    IF v_partner.fund_doubted_at IS NOT NULL THEN
      RETURN jsonb_build_object('outcome', 'refused', 'reason', 'fund_unavailable');
    END IF;
    -- No foreign key tells (0020c_member_keys.sql).
    IF p_member IS NOT NULL AND NOT EXISTS (SELECT FROM member WHERE id = p_member) THEN
      RAISE EXCEPTION 'there is no member %', p_member USING ERRCODE = 'foreign_key_violation';
    END IF;
    INSERT INTO payment (id, partner_id, scheme, invoice_id, member_id, member_named, opened_by, policy,
      success_url, fail_url, cancel_url, opened_at)
    VALUES (p_payment, p_partner, p_scheme, lower(p_invoice), p_member, p_member IS NOT NULL, p_opened_by, p_policy,
      p_links ->> 'successUrl', p_links ->> 'failUrl', p_links ->> 'cancelUrl', p_at)
    ON CONFLICT (partner_id, invoice_id) WHERE state NOT IN ('declined', 'expired', 'cancelled') DO NOTHING;
    IF FOUND THEN
      PERFORM payment_event_write(p_partner, p_payment, 'payment.opened',
        jsonb_build_object('scheme', p_scheme, 'invoiceId', lower(p_invoice), 'by', p_opened_by), p_at);
      RETURN jsonb_build_object('outcome', 'opened', 'paymentId', p_payment, 'state', 'opening', 'epoch', 1,
        'scheme', p_scheme, 'policy', p_policy, 'openedBy', p_opened_by, 'memberId', p_member);
    END IF;
    -- Another caller has opened this invoice in the meantime.
    SELECT * INTO STRICT v_payment FROM payment
    WHERE partner_id = p_partner AND invoice_id = lower(p_invoice) AND state NOT IN ('declined', 'expired', 'cancelled');
  END IF;
  RETURN jsonb_build_object('outcome', 'existing', 'paymentId', v_payment.id, 'state', v_payment.state,
    'epoch', v_payment.epoch, 'scheme', v_payment.scheme, 'policy', v_payment.policy,
    'openedBy', v_payment.opened_by, 'memberId', CASE WHEN v_payment.member_named THEN v_payment.member_id END);
END
$$;
