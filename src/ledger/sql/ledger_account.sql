-- The account of this kind, made on first use; both of a member's together, so that they lie side by side. Two callers that
-- make it at once get the same one.
CREATE OR REPLACE FUNCTION ledger_account(p_partner uuid, p_kind text, p_owner uuid, p_asset text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_account uuid;
BEGIN
  v_account := ledger_account_find(p_partner, p_kind, p_owner, p_asset);
  IF v_account IS NOT NULL THEN
    RETURN v_account;
  END IF;
  INSERT INTO account (partner_id, kind, owner, asset)
  SELECT p_partner, made.kind, p_owner, p_asset
  FROM unnest(CASE WHEN p_owner IS NULL THEN ARRAY[p_kind] ELSE ARRAY['member.available', 'member.held'] END) AS made(kind)
  ON CONFLICT DO NOTHING;
  RETURN ledger_account_find(p_partner, p_kind, p_owner, p_asset);
END
$$;

-- In two statements: IS NOT DISTINCT FROM finds an owner by no index, and reads the accounts of all members (found by
-- `npm run bench -- ledger`).
CREATE OR REPLACE FUNCTION ledger_account_find(p_partner uuid, p_kind text, p_owner uuid, p_asset text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_account uuid;
BEGIN
  IF p_owner IS NULL THEN
    SELECT id INTO v_account FROM account
    WHERE partner_id = p_partner AND kind = p_kind AND owner IS NULL AND asset = p_asset;
  ELSE
    SELECT id INTO v_account FROM account
    WHERE partner_id = p_partner AND kind = p_kind AND owner = p_owner AND asset = p_asset;
  END IF;
  RETURN v_account;
END
$$;
