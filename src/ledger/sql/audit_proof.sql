-- The proof that a payment's entries and events stand in its partner's chain: the text of each, its place in a block, the
-- path to the block's root, and the blocks that lead from the chain's head to there. What is not sealed yet has no place.
CREATE OR REPLACE FUNCTION audit_proof(p_partner uuid, p_payment uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = surety, pg_temp AS $$
DECLARE
  v_head record;
  v_entry record;
  v_block record;
  v_levels bytea[];
  v_index integer;
  v_n bigint;
  v_blocks bigint[] := '{}';
  v_proofs jsonb := '[]';
  v_sealed boolean := true;
BEGIN
  SELECT n, hash INTO v_head FROM audit_block WHERE partner_id = p_partner ORDER BY n DESC LIMIT 1;
  SELECT 0::bigint AS n INTO v_block;
  FOR v_entry IN
    SELECT key, leaf, block.n FROM audit_entry LEFT JOIN LATERAL (
      SELECT n FROM audit_block
      WHERE partner_id = p_partner AND (through_xid, through_key) >= (audit_entry.xid, audit_entry.key)
      ORDER BY through_xid, through_key LIMIT 1
    ) AS block ON true
    WHERE payment_id = p_payment AND partner_id = p_partner ORDER BY xid, key
  LOOP
    IF v_entry.n IS NULL THEN
      v_sealed := false;
      v_proofs := v_proofs || jsonb_build_object('leaf', v_entry.leaf::jsonb, 'block', NULL, 'index', NULL, 'path', '[]'::jsonb);
      CONTINUE;
    END IF;
    IF v_entry.n <> v_block.n THEN
      -- Joined to nothing: read whole from where large values lie, once instead of by each piece.
      SELECT n, entries, keys || ''::bytea AS keys, leaves || ''::bytea AS leaves INTO v_block
      FROM audit_block WHERE partner_id = p_partner AND n = v_entry.n;
      v_levels := merkle_levels(v_block.leaves);
      v_n := v_head.n;
      LOOP
        v_blocks := v_blocks || v_n;
        EXIT WHEN v_n = v_block.n;
        v_n := CASE WHEN v_n & (v_n - 1) >= v_block.n THEN v_n & (v_n - 1) ELSE v_n - 1 END;
      END LOOP;
    END IF;
    SELECT i INTO v_index FROM generate_series(0, v_block.entries - 1) AS i
    WHERE substr(v_block.keys, 17 * i + 1, 17) = v_entry.key;
    v_proofs := v_proofs || jsonb_build_object('leaf', v_entry.leaf::jsonb, 'block', v_entry.n, 'index', v_index,
      'path', merkle_path(v_levels, v_index));
  END LOOP;
  RETURN jsonb_build_object(
    'state', CASE WHEN v_sealed THEN 'sealed' ELSE 'pending' END,
    'partnerId', p_partner,
    'head', CASE WHEN v_head.n IS NOT NULL THEN jsonb_build_object('n', v_head.n, 'hash', encode(v_head.hash, 'hex')) END,
    'blocks', (SELECT coalesce(jsonb_agg(jsonb_build_object('n', n, 'previousHash', encode(previous_hash, 'hex'),
      'skipHash', encode(skip_hash, 'hex'), 'root', encode(root, 'hex'), 'firstPosition', first_position, 'entries', entries,
      'sealedAt', audit_time(sealed_at), 'hash', encode(hash, 'hex')) ORDER BY n), '[]')
      FROM audit_block WHERE partner_id = p_partner AND n = ANY (v_blocks)),
    'proofs', v_proofs);
END
$$;
