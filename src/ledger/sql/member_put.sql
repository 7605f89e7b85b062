-- Makes a member known by this external id, or changes his metadata (NULL: leaves it). Outcome: created, changed {memberId}.
CREATE OR REPLACE FUNCTION member_put(p_partner uuid, p_external_id text, p_metadata jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_member uuid;
  v_known boolean;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  v_known := EXISTS (SELECT FROM member WHERE partner_id = p_partner AND external_id = p_external_id);
  v_member := (member_open(p_partner, p_external_id) ->> 'memberId')::uuid;
  UPDATE member SET metadata = p_metadata WHERE id = v_member AND p_metadata IS NOT NULL AND metadata <> p_metadata;
  RETURN jsonb_build_object('outcome', CASE WHEN v_known THEN 'changed' ELSE 'created' END, 'memberId', v_member);
END
$$;

-- The member of this external id, or NULL.
CREATE OR REPLACE FUNCTION member_find(p_partner uuid, p_external_id text) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (SELECT id FROM member WHERE partner_id = p_partner AND external_id = p_external_id);
END
$$;

-- Makes a member nobody: his name, notes, sessions, tokens and remembered answers go, his entries, points and payments
-- stay. Outcomes: erased, already_erased; conflict (points of his are held: a payment is under way); not_found.
CREATE OR REPLACE FUNCTION member_erase(p_partner uuid, p_member uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_member member;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- Before the accounts, as everybody who credits does. Not so strongly that it keeps out who only names him, as a hold does
  -- once it has his accounts: the two would wait for each other.
  SELECT * INTO v_member FROM member WHERE id = p_member FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  -- A hold of his takes this account first: none begins meanwhile.
  PERFORM FROM account WHERE partner_id = p_partner AND owner = p_member ORDER BY id FOR UPDATE;
  IF v_member.erased_at IS NOT NULL THEN
    RETURN jsonb_build_object('outcome', 'already_erased');
  END IF;
  IF EXISTS (SELECT FROM hold WHERE member_id = p_member AND state = 'held') THEN
    RETURN jsonb_build_object('outcome', 'conflict');
  END IF;
  -- Led by a sign that no name from outside may have.
  UPDATE member SET external_id = chr(1) || 'erased:' || id, metadata = '{}', erased_at = p_at WHERE id = p_member;
  DELETE FROM session WHERE member_id = p_member;
  DELETE FROM login_token WHERE member_id = p_member;
  DELETE FROM idempotency_key WHERE partner_id = p_partner AND payment_id = p_member;
  RETURN jsonb_build_object('outcome', 'erased');
END
$$;
