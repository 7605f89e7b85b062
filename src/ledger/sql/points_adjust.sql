-- Points that appear or vanish by a person's word: asked for, and booked when a second person agrees. Once by its reference.
--   credit   to a member, until the end of a day
--   reverse  of a credit of his, what is left of it at most

-- Asks for it, or does it where approval is waived. Outcomes: those of approval_request; already_over (the day is past), erased,
-- insufficient {remaining}, no_such_credit (none of this member's), not_found.
CREATE OR REPLACE FUNCTION points_adjust_request(
  p_partner uuid, p_approval uuid, p_member uuid, p_kind text, p_points bigint, p_expires_on date, p_credit uuid,
  p_reference text, p_reason text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_erased boolean;
  v_credit jsonb;
  v_booked transfer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF p_points < 1 OR (p_kind = 'credit') <> (p_expires_on IS NOT NULL) OR (p_kind = 'reverse') <> (p_credit IS NOT NULL) THEN
    RAISE EXCEPTION 'a % of % points cannot be asked for so', p_kind, p_points;
  END IF;
  SELECT erased_at IS NOT NULL INTO v_erased FROM member WHERE id = p_member;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  -- Somebody has booked it who needs no approval: the partner itself.
  SELECT * INTO v_booked FROM transfer
  WHERE partner_id = p_partner AND kind = CASE p_kind WHEN 'credit' THEN 'credit' ELSE 'reversal' END AND reference = p_reference;
  IF FOUND AND v_booked.actor ->> 'kind' <> 'approval' THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'approval', NULL);
  END IF;
  IF v_booked.id IS NULL THEN
    CASE p_kind
      WHEN 'credit' THEN
        IF v_erased THEN
          RETURN jsonb_build_object('outcome', 'erased');
        ELSIF end_of_day(p_expires_on, partner_zone(p_partner)) <= p_at THEN
          RETURN jsonb_build_object('outcome', 'already_over');
        END IF;
      WHEN 'reverse' THEN
        v_credit := points_credit_read(p_partner, p_credit);
        IF v_credit IS NULL OR (v_credit ->> 'memberId')::uuid <> p_member THEN
          RETURN jsonb_build_object('outcome', 'no_such_credit');
        ELSIF (v_credit ->> 'remaining')::bigint < p_points THEN
          RETURN jsonb_build_object('outcome', 'insufficient', 'remaining', v_credit -> 'remaining');
        END IF;
    END CASE;
  END IF;
  RETURN approval_request(p_partner, p_approval, 'points.adjust', p_reference, 1, jsonb_strip_nulls(jsonb_build_object(
    'kind', p_kind, 'memberId', p_member, 'points', p_points, 'expiresOn', p_expires_on, 'creditId', p_credit,
    'reference', p_reference)), p_reason, p_actor, p_at);
END
$$;

-- What an approval grants (approval_perform.sql).
CREATE OR REPLACE FUNCTION points_adjust_perform(p_approval approval, p_actor jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_body jsonb := p_approval.body;
  v_done jsonb;
BEGIN
  CASE v_body ->> 'kind'
    WHEN 'credit' THEN
      v_done := points_credit_until(p_approval.partner_id, (v_body ->> 'memberId')::uuid, (v_body ->> 'points')::bigint,
        (v_body ->> 'expiresOn')::date, p_approval.subject, p_actor, p_at);
    WHEN 'reverse' THEN
      v_done := points_reverse(p_approval.partner_id, (v_body ->> 'creditId')::uuid, (v_body ->> 'points')::bigint,
        p_approval.subject, p_actor, p_at);
  END CASE;
  RETURN CASE v_done ->> 'outcome'
    WHEN 'credited' THEN jsonb_build_object('outcome', 'done', 'creditId', v_done ->> 'creditId')
    WHEN 'reversed' THEN jsonb_build_object('outcome', 'done', 'reversalId', v_done ->> 'reversalId')
    ELSE jsonb_build_object('outcome', 'refused', 'why', CASE v_done ->> 'outcome'
      WHEN 'insufficient' THEN 'not_enough_left'
      WHEN 'erased' THEN 'member_is_erased'
      WHEN 'already_over' THEN 'expiry_is_past'
      WHEN 'not_found' THEN 'not_found'
      -- Somebody has booked it meanwhile without asking.
      ELSE 'reference_is_booked' END) END;
END
$$;
