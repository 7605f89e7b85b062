-- The member known by this external id, made empty at the first sight of him.
CREATE OR REPLACE FUNCTION member_open(p_partner uuid, p_external_id text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_member uuid;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT id INTO v_member FROM member WHERE partner_id = p_partner AND external_id = p_external_id;
  IF NOT FOUND THEN
    INSERT INTO member (partner_id, external_id) VALUES (p_partner, p_external_id) ON CONFLICT DO NOTHING;
    SELECT id INTO STRICT v_member FROM member WHERE partner_id = p_partner AND external_id = p_external_id;
    PERFORM ledger_account(p_partner, 'member.available', v_member, 'points');
    PERFORM ledger_account(p_partner, 'member.held', v_member, 'points');
  END IF;
  RETURN jsonb_build_object('outcome', 'known', 'memberId', v_member);
END
$$;
