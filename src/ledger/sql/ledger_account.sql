-- The account of this kind, made on first use. Two callers that make it at once get the same one.
CREATE OR REPLACE FUNCTION ledger_account(p_partner uuid, p_kind text, p_owner uuid, p_asset text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_account uuid;
BEGIN
  SELECT id INTO v_account FROM account
  WHERE partner_id = p_partner AND kind = p_kind AND owner IS NOT DISTINCT FROM p_owner AND asset = p_asset;
  IF FOUND THEN
    RETURN v_account;
  END IF;
  INSERT INTO account (partner_id, kind, owner, asset) VALUES (p_partner, p_kind, p_owner, p_asset)
  ON CONFLICT DO NOTHING;
  SELECT id INTO v_account FROM account
  WHERE partner_id = p_partner AND kind = p_kind AND owner IS NOT DISTINCT FROM p_owner AND asset = p_asset;
  RETURN v_account;
END
$$;
