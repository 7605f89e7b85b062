-- The look-ups that come before a tenant is known. Owned by surety_directory, the one role that sees all partners.

-- The partner behind an API key, by the key's hash; NULL where there is none, it is revoked or has expired.
CREATE OR REPLACE FUNCTION api_key_authenticate(p_hash bytea, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_key api_key;
BEGIN
  SELECT * INTO v_key FROM api_key
  WHERE hash = p_hash AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > p_at);
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  -- "Last used" is for people: once a minute is enough, and keeps the row from being everybody's lock.
  IF v_key.last_used_at IS NULL OR v_key.last_used_at < p_at - interval '1 minute' THEN
    UPDATE api_key SET last_used_at = p_at WHERE id = v_key.id;
  END IF;
  RETURN (SELECT jsonb_build_object('keyId', v_key.id, 'scopes', to_jsonb(v_key.scopes), 'partnerId', partner.id,
    'slug', partner.slug, 'name', partner.name, 'settings', partner.settings)
    FROM partner WHERE partner.id = v_key.partner_id);
END
$$;

CREATE OR REPLACE FUNCTION partner_by_slug(p_slug text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT jsonb_build_object('partnerId', id, 'slug', slug, 'name', name, 'settings', settings,
    'loginSecretSealed', login_secret_sealed)
  FROM partner WHERE slug = p_slug;
$$;

-- What the worker needs to speak to Invoicebox for a partner.
CREATE OR REPLACE FUNCTION partner_account(p_partner uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT jsonb_build_object('settings', settings, 'tokenSealed', invoicebox_token_sealed,
    'currencies', (SELECT coalesce(jsonb_agg(currency), '[]') FROM fund WHERE partner_id = p_partner))
  FROM partner WHERE id = p_partner;
$$;
