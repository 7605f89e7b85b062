-- How a hold is made, by payment_hold and by a recovery, which holds again what it has heard of (payment_recover_hold.sql). The
-- caller has locked the payment and its accounts: a member's lots change under the lock of his account alone, so they are read as
-- they are.
DROP FUNCTION IF EXISTS payment_hold_book(payment, jsonb, uuid, uuid, uuid, uuid, date, timestamptz);
DROP FUNCTION IF EXISTS hold_take_lots(uuid, uuid, bigint, uuid, timestamptz);

-- Which lots of a member give so many points, and how many each, first to expire first, of those that had not expired at p_at;
-- missing: how many points there are not. One by one, and no more of them than are needed: with years of credits each lies in a
-- page of its own.
CREATE OR REPLACE FUNCTION lots_to_take(
  p_member uuid, p_points bigint, p_at timestamptz, OUT lots uuid[], OUT taken bigint[], OUT missing bigint
)
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_lots refcursor;
  v_lot record;
BEGIN
  lots := '{}';
  taken := '{}';
  missing := p_points;
  OPEN v_lots FOR
    SELECT id, remaining FROM lot
    WHERE member_id = p_member AND NOT spent AND (expires_at IS NULL OR expires_at > p_at)
    ORDER BY expires_at NULLS LAST, id;
  WHILE missing > 0 LOOP
    FETCH v_lots INTO v_lot;
    EXIT WHEN NOT FOUND;
    lots := lots || v_lot.id;
    taken := taken || least(missing, v_lot.remaining);
    missing := missing - least(missing, v_lot.remaining);
  END LOOP;
  CLOSE v_lots;
END
$$;

-- Takes out of the lots what lots_to_take has found.
CREATE OR REPLACE FUNCTION hold_take_lots(p_partner uuid, p_hold uuid, p_lots uuid[], p_taken bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  UPDATE lot SET remaining = remaining - taken FROM unnest(p_lots, p_taken) AS part(lot, taken) WHERE id = part.lot;
  INSERT INTO hold_lot (hold_id, lot_id, partner_id, points)
  SELECT p_hold, part.lot, p_partner, part.taken FROM unnest(p_lots, p_taken) AS part(lot, taken);
END
$$;

-- Books what was decided on: points out of lots, and the fund; the payment then settles.
-- p_confirmation: as of payment_hold. p_counted_on: the day whose limits it was counted against; NULL: none.
CREATE OR REPLACE FUNCTION payment_hold_book(
  p_payment payment, p_confirmation jsonb, p_member_available uuid, p_member_held uuid, p_fund_available uuid, p_fund_reserved uuid,
  p_lots uuid[], p_taken bigint[], p_counted_on date, p_at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_partner uuid := p_payment.partner_id;
  v_payment uuid := p_payment.id;
  v_member uuid := (p_confirmation ->> 'memberId')::uuid;
  v_confirmation text := p_confirmation ->> 'confirmationId';
  v_actor jsonb := p_confirmation -> 'actor';
  v_hold uuid;
BEGIN
  INSERT INTO hold (partner_id, payment_id, confirmation_id, state, member_id, points, amount_minor, currency, at, counted_on, counts)
  VALUES (v_partner, v_payment, v_confirmation::uuid, 'held', v_member, p_payment.points, p_payment.amount_minor,
    p_payment.currency, p_at, p_counted_on, p_counted_on IS NOT NULL)
  RETURNING id INTO v_hold;
  IF p_payment.points > 0 THEN
    PERFORM hold_take_lots(v_partner, v_hold, p_lots, p_taken);
    PERFORM ledger_transfer(v_partner, v_payment, 'hold', p_member_available, p_member_held, p_payment.points, v_confirmation,
      v_actor, p_at);
  END IF;
  PERFORM ledger_transfer(v_partner, v_payment, 'reserve', p_fund_available, p_fund_reserved, p_payment.amount_minor,
    v_confirmation, v_actor, p_at);
  UPDATE payment SET state = 'settling', reason = NULL, member_id = v_member, confirmation = p_confirmation WHERE id = v_payment;
  PERFORM payment_event_write(v_partner, v_payment, 'payment.settling', jsonb_build_object(
    'confirmedBy', v_actor, 'seen', p_confirmation -> 'seen'), p_at);
END
$$;
