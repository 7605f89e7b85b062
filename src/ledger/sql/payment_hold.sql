-- Holds the member's points and reserves the fund, both or neither; the payment then settles.
-- An organisation's is counted against the limits of its policy for the day and the month (spending.sql): its rows are
-- locked last, and only by whoever has locked the fund's accounts.
-- p_confirmation: {confirmationId, memberId | null, seen: {amountMinor, currency, points, version?}, actor}.
-- Outcomes: held, already_held, insufficient_points {available, needed}, insufficient_fund, changed, other_member,
-- given_up (this confirmation was), not_approved (the last read needs an approver), own_approval (he is who has opened it),
-- over_limit {which: day | month}, conflict {state}, superseded, not_found. Everything but the first two left nothing held by this call.
CREATE OR REPLACE FUNCTION payment_hold(
  p_partner uuid, p_payment uuid, p_epoch integer, p_confirmation jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_hold hold;
  v_fund fund;
  v_member uuid := (p_confirmation ->> 'memberId')::uuid;
  v_confirmation uuid := (p_confirmation ->> 'confirmationId')::uuid;
  v_actor jsonb := p_confirmation -> 'actor';
  v_member_available uuid;
  v_member_held uuid;
  v_fund_available uuid;
  v_fund_reserved uuid;
  v_lots uuid[];
  v_taken bigint[];
  v_missing bigint;
  v_fund_balance bigint;
  v_today date;
  v_over text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  IF v_payment.epoch > p_epoch THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  SELECT * INTO v_hold FROM hold WHERE payment_id = p_payment AND confirmation_id = v_confirmation;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', CASE v_hold.state WHEN 'released' THEN 'given_up' ELSE 'already_held' END);
  END IF;
  -- A workflow task that was lost may have held for another confirmation, of which its workflow knows nothing: the
  -- server then delivers the messages anew, in another order. The same member's at the same price is as good as this
  -- one. Another member's gives way to the newer task, as long as nothing was tried with it; an older task comes too late.
  SELECT * INTO v_hold FROM hold WHERE payment_id = p_payment AND state = 'held';
  IF FOUND AND v_payment.state = 'settling' THEN
    IF v_hold.member_id IS NOT DISTINCT FROM v_member
      AND v_hold.amount_minor = (p_confirmation #>> '{seen,amountMinor}')::bigint
      AND v_hold.currency = p_confirmation #>> '{seen,currency}'
      AND v_hold.points = (p_confirmation #>> '{seen,points}')::bigint THEN
      RETURN jsonb_build_object('outcome', 'already_held');
    END IF;
    IF v_hold.at < p_at AND NOT EXISTS (
      SELECT FROM payment_attempt WHERE payment_id = p_payment AND class IS DISTINCT FROM 'not_executed')
    THEN
      -- The accounts of both members and of the fund in one go: a release of the one and then a hold for the other would
      -- lock them out of order.
      PERFORM FROM account
      WHERE partner_id = p_partner AND (
        kind IN ('fund.available', 'fund.reserved') AND asset = v_hold.currency
        OR kind IN ('member.available', 'member.held') AND owner IN (v_hold.member_id, v_member))
      ORDER BY id FOR UPDATE;
      PERFORM payment_release(p_partner, v_hold.id, p_at);
      UPDATE payment SET confirmation = NULL,
        state = CASE scheme WHEN 'organisation' THEN 'awaiting_approval' ELSE 'awaiting_confirmation' END,
        member_id = CASE WHEN member_named THEN member_id END WHERE id = p_payment
      RETURNING * INTO v_payment;
    END IF;
  END IF;
  IF v_payment.state NOT IN ('opening', 'awaiting_confirmation', 'awaiting_approval') THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_payment.state);
  END IF;
  IF v_payment.scheme = 'loyalty' AND v_member IS NULL
    OR v_payment.member_id IS NOT NULL AND v_payment.member_id IS DISTINCT FROM v_member
    -- Under row-level security: a member of this partner, or none at all.
    OR v_member IS NOT NULL AND NOT EXISTS (SELECT FROM member WHERE id = v_member) THEN
    RETURN jsonb_build_object('outcome', 'other_member');
  END IF;
  IF v_payment.scheme = 'organisation' THEN
    IF v_actor ->> 'kind' = 'saga' THEN
      -- Also where a policy has come that the worker which read the invoice did not know.
      IF v_payment.read_approval IS NOT NULL OR v_payment.read_print IS NULL AND EXISTS (
        SELECT FROM partner WHERE id = p_partner AND organisation_policy IS NOT NULL)
      THEN
        RETURN jsonb_build_object('outcome', 'not_approved');
      END IF;
    ELSIF v_actor ->> 'kind' = v_payment.opened_by ->> 'kind' AND v_actor ->> 'id' = v_payment.opened_by ->> 'id' THEN
      RETURN jsonb_build_object('outcome', 'own_approval');
    ELSIF v_payment.read_version IS DISTINCT FROM (p_confirmation #>> '{seen,version}')::integer THEN
      UPDATE payment SET reason = 'amount_changed' WHERE id = p_payment;
      RETURN jsonb_build_object('outcome', 'changed');
    END IF;
  END IF;
  IF v_payment.amount_minor IS DISTINCT FROM (p_confirmation #>> '{seen,amountMinor}')::bigint
    OR v_payment.currency IS DISTINCT FROM p_confirmation #>> '{seen,currency}'
    OR v_payment.points IS DISTINCT FROM (p_confirmation #>> '{seen,points}')::bigint THEN
    UPDATE payment SET reason = 'amount_changed' WHERE id = p_payment;
    RETURN jsonb_build_object('outcome', 'changed');
  END IF;
  SELECT * INTO v_fund FROM fund WHERE partner_id = p_partner AND currency = v_payment.currency;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'insufficient_fund');
  END IF;

  v_fund_available := ledger_account(p_partner, 'fund.available', NULL, v_payment.currency);
  v_fund_reserved := ledger_account(p_partner, 'fund.reserved', NULL, v_payment.currency);
  IF v_member IS NOT NULL THEN
    v_member_available := ledger_account(p_partner, 'member.available', v_member, 'points');
    v_member_held := ledger_account(p_partner, 'member.held', v_member, 'points');
  END IF;
  -- Locks first, in ascending order, each in a statement of its own; then read what is decided on.
  PERFORM FROM account
  WHERE id IN (v_fund_available, v_fund_reserved, v_member_available, v_member_held) ORDER BY id FOR UPDATE;
  -- Whoever erases him takes his accounts first: what is read here stays so.
  IF EXISTS (SELECT FROM member WHERE id = v_member AND erased_at IS NOT NULL) THEN
    RETURN jsonb_build_object('outcome', 'other_member');
  END IF;
  SELECT lots, taken, missing INTO v_lots, v_taken, v_missing FROM lots_to_take(v_member, v_payment.points, p_at);
  IF v_missing > 0 THEN
    UPDATE payment SET reason = 'insufficient_points' WHERE id = p_payment;
    RETURN jsonb_build_object('outcome', 'insufficient_points', 'available', v_payment.points - v_missing,
      'needed', v_payment.points);
  END IF;
  SELECT balance INTO v_fund_balance FROM account WHERE id = v_fund_available;
  IF v_fund.guard = 'enforce' AND v_fund_balance - v_payment.amount_minor < -v_fund.overdraft_minor THEN
    UPDATE payment SET reason = 'insufficient_fund' WHERE id = p_payment;
    RETURN jsonb_build_object('outcome', 'insufficient_fund');
  END IF;
  IF v_payment.scheme = 'organisation' THEN
    v_today := (p_at AT TIME ZONE partner_zone(p_partner))::date;
    v_over := spending_over_limit(p_partner, v_payment.currency, v_today, v_payment.amount_minor);
    IF v_over IS NOT NULL THEN
      UPDATE payment SET reason = 'over_' || v_over || '_limit' WHERE id = p_payment;
      RETURN jsonb_build_object('outcome', 'over_limit', 'which', v_over);
    END IF;
    PERFORM spending_count(p_partner, v_payment.currency, v_today, v_payment.amount_minor);
  END IF;

  PERFORM payment_hold_book(v_payment, p_confirmation, v_member_available, v_member_held, v_fund_available, v_fund_reserved,
    v_lots, v_taken, v_today, p_at);
  RETURN jsonb_build_object('outcome', 'held');
END
$$;
