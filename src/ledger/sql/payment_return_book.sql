-- Books an approved return, once: the points of its part go back to the member, the sum to the fund where Invoicebox restored
-- it, the partner is told. Points go back to the lots that they came from, in the reverse order of their spending: as if the
-- payment had been that much smaller from the beginning.
-- p_invoice_status: what Invoicebox said of the invoice before; NULL where it could not be asked. It decides nothing.
-- Outcomes: returned, already_returned {points}; conflict {state}; not_found.
CREATE OR REPLACE FUNCTION payment_return_book(
  p_partner uuid, p_return uuid, p_invoice_status text, p_invoice_read_at timestamptz, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_return payment_return;
  v_hold hold;
  v_part record;
  v_actor jsonb := jsonb_build_object('kind', 'saga', 'id', p_return);
  v_points bigint := 0;
  v_left bigint;
  v_given bigint;
  v_transfer uuid;
  v_redeemed uuid;
  v_member_available uuid;
  v_fund_drawn uuid;
  v_fund_available uuid;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_payment FROM payment WHERE id = (SELECT payment_id FROM payment_return WHERE id = p_return) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  SELECT * INTO STRICT v_return FROM payment_return WHERE id = p_return;
  IF v_return.state = 'returned' THEN
    RETURN jsonb_build_object('outcome', 'already_returned', 'points', v_return.points);
  END IF;
  IF v_return.state <> 'approved' THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_return.state);
  END IF;
  -- None was captured where a proof came after a person had released the hold: then there are no points to give back.
  SELECT * INTO v_hold FROM hold WHERE payment_id = v_payment.id AND state = 'captured';
  IF v_hold.points > 0 THEN
    v_points := points_of_returns(v_hold.points, v_payment.amount_minor, v_payment.returned_minor + v_return.amount_minor)
      - v_payment.returned_points;
  END IF;

  IF v_points > 0 THEN
    v_redeemed := ledger_account(p_partner, 'programme.redeemed', NULL, 'points');
    v_member_available := ledger_account(p_partner, 'member.available', v_hold.member_id, 'points');
  END IF;
  IF v_return.fund_restored THEN
    v_fund_drawn := ledger_account(p_partner, 'fund.drawn', NULL, v_return.currency);
    v_fund_available := ledger_account(p_partner, 'fund.available', NULL, v_return.currency);
  END IF;
  PERFORM FROM account
  WHERE id IN (v_redeemed, v_member_available, v_fund_drawn, v_fund_available) ORDER BY id FOR UPDATE;
  IF v_points > 0 THEN
    v_transfer := ledger_transfer(p_partner, v_payment.id, 'return_points', v_redeemed, v_member_available, v_points,
      v_return.reference, v_actor, p_at);
    PERFORM FROM lot WHERE id IN (SELECT lot_id FROM hold_lot WHERE hold_id = v_hold.id) ORDER BY id FOR UPDATE;
    v_left := v_points;
    FOR v_part IN
      SELECT lot.id, hold_lot.points - (
        SELECT coalesce(sum(given.points), 0)::bigint FROM payment_return_lot given
        JOIN payment_return ON payment_return.id = given.return_id
        WHERE given.lot_id = lot.id AND payment_return.payment_id = v_payment.id) AS points
      FROM hold_lot JOIN lot ON lot.id = hold_lot.lot_id
      WHERE hold_lot.hold_id = v_hold.id ORDER BY lot.expires_at DESC NULLS FIRST, lot.id DESC
    LOOP
      EXIT WHEN v_left = 0;
      v_given := least(v_left, v_part.points);
      CONTINUE WHEN v_given = 0;
      INSERT INTO payment_return_lot (return_id, lot_id, given_to, partner_id, points)
      VALUES (p_return, v_part.id, lot_give_back(p_partner, v_part.id, v_given, v_transfer, p_at), p_partner, v_given);
      v_left := v_left - v_given;
    END LOOP;
    IF v_left > 0 THEN
      RAISE EXCEPTION 'more points would be returned than were captured';
    END IF;
  END IF;
  IF v_return.fund_restored THEN
    PERFORM ledger_transfer(p_partner, v_payment.id, 'return_fund', v_fund_drawn, v_fund_available, v_return.amount_minor,
      v_return.reference, v_actor, p_at);
  END IF;
  UPDATE payment_return SET state = 'returned', points = v_points, returned_at = p_at,
    invoice_status = p_invoice_status, invoice_read_at = p_invoice_read_at WHERE id = p_return;
  UPDATE payment SET returned_minor = returned_minor + v_return.amount_minor, returned_points = returned_points + v_points
  WHERE id = v_payment.id RETURNING * INTO v_payment;
  PERFORM payment_event_write(p_partner, v_payment.id, 'payment.returned', payment_return_said(v_return) || jsonb_build_object(
    'paymentId', v_payment.id, 'invoiceId', v_payment.invoice_id, 'invoiceNumber', v_payment.invoice_number,
    'memberId', v_payment.member_id, 'points', v_points,
    'returnedMinor', v_payment.returned_minor, 'returnedPoints', v_payment.returned_points,
    'invoiceStatus', p_invoice_status), p_at);
  RETURN jsonb_build_object('outcome', 'returned', 'points', v_points);
END
$$;

-- What its saga goes by: the invoice, the times and the quota of its payment, and whether there is still something to
-- book. made: what nobody but this ledger knows of it, so that its history tells it to one that was restored to before
-- (payment_recover_return.sql); the words of who asked, and the reference, stay here. NULL: no such return.
CREATE OR REPLACE FUNCTION payment_return_work(p_partner uuid, p_return uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT jsonb_build_object('invoiceId', payment.invoice_id, 'state', payment_return.state,
      'policy', payment.policy, 'made', jsonb_build_object('paymentId', payment_id, 'version', version,
        'referenceDigest', payment_return_digest(reference), 'amountMinor', payment_return.amount_minor,
        'fundRestored', fund_restored, 'openedBy', payment_return.opened_by, 'openedAt', payment_return.opened_at,
        'requestedBy', requested_by, 'requestedAt', requested_at, 'requestedUntil', requested_until,
        'decidedBy', decided_by, 'decidedAt', decided_at))
    FROM payment_return JOIN payment ON payment.id = payment_return.payment_id WHERE payment_return.id = p_return);
END
$$;

-- A page of a payment's returns, oldest first, from after p_after (exclusive); with p_return: that one alone.
CREATE OR REPLACE FUNCTION payment_returns_read(
  p_partner uuid, p_payment uuid, p_after uuid, p_limit integer, p_return uuid DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'id', id, 'paymentId', payment_id, 'state', state, 'version', version, 'amountMinor', amount_minor, 'currency', currency,
      'points', points, 'fundRestored', fund_restored, 'reference', reference, 'reason', reason,
      'openedBy', opened_by, 'openedAt', opened_at,
      'approvalId', (SELECT approval.id FROM approval WHERE approval.partner_id = p_partner AND action = 'payment.return'
        AND subject = page.id::text AND approval.state IN ('pending', 'approved')), 'requestedBy', requested_by, 'requestedAt', requested_at,
      'requestedUntil', requested_until, 'decidedBy', decided_by, 'decidedAt', decided_at,
      'invoiceStatus', invoice_status, 'invoiceReadAt', invoice_read_at, 'returnedAt', returned_at) ORDER BY id), '[]')
    FROM (
      SELECT * FROM payment_return
      WHERE payment_id = p_payment AND (p_after IS NULL OR id > p_after) AND (p_return IS NULL OR id = p_return)
      ORDER BY id LIMIT p_limit
    ) AS page);
END
$$;
