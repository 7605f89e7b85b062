-- Seals the next entries of a partner's books into a block, at most so many, in the order in which their transactions may be
-- read: whatever may still be writing holds back what is newer than itself, so nothing that commits later belongs before
-- what is sealed. It takes no lock that anybody else waits for, and reads what is committed.
-- Outcomes: sealed {n, entries}; nothing; busy (somebody else seals this chain).
CREATE OR REPLACE FUNCTION audit_seal(p_partner uuid, p_most integer, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp
-- A few thousand entries meet accounts by the million, by their index.
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
  v_last record;
  v_from_xid xid8 := '0';
  v_from_key bytea := '\x';
  v_before xid8;
  v_to_xid xid8;
  v_to_key bytea;
  v_keys bytea;
  v_leaves bytea;
  v_levels bytea[];
  v_root bytea;
  v_entries integer;
  v_n bigint := 1;
  v_position bigint := 1;
  v_nothing CONSTANT bytea := decode(repeat('00', 32), 'hex');
  v_previous_hash bytea := v_nothing;
  v_skip_hash bytea := v_nothing;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF NOT pg_try_advisory_xact_lock(hashtextextended('audit ' || p_partner, 0)) THEN
    RETURN jsonb_build_object('outcome', 'busy');
  END IF;
  SELECT n, hash, first_position + entries AS next_position, through_xid, through_key INTO v_last
  FROM audit_block WHERE partner_id = p_partner ORDER BY n DESC LIMIT 1;
  IF FOUND THEN
    v_n := v_last.n + 1;
    v_position := v_last.next_position;
    v_previous_hash := v_last.hash;
    v_from_xid := v_last.through_xid;
    v_from_key := v_last.through_key;
    SELECT hash INTO v_skip_hash FROM audit_block WHERE partner_id = p_partner AND n = v_n & (v_n - 1);
    v_skip_hash := coalesce(v_skip_hash, v_nothing);
  END IF;

  v_before := pg_snapshot_xmin(pg_current_snapshot());
  SELECT xid, key INTO v_to_xid, v_to_key FROM (
    SELECT xid, key FROM (
      (SELECT xid, audit_transfer_key(id) AS key FROM transfer
        WHERE partner_id = p_partner AND xid >= v_from_xid AND xid < v_before
          AND (xid > v_from_xid OR audit_transfer_key(id) > v_from_key)
        ORDER BY xid, id LIMIT p_most)
      UNION ALL
      (SELECT xid, audit_event_key(id) FROM payment_event
        WHERE partner_id = p_partner AND xid >= v_from_xid AND xid < v_before
          AND (xid > v_from_xid OR audit_event_key(id) > v_from_key)
        ORDER BY xid, id LIMIT p_most)
    ) AS next ORDER BY xid, key LIMIT p_most
  ) AS block ORDER BY xid DESC, key DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'nothing');
  END IF;

  SELECT string_agg(key, ''::bytea ORDER BY xid, key), string_agg(hash, ''::bytea ORDER BY xid, key), count(*)
  INTO v_keys, v_leaves, v_entries
  FROM (
    SELECT xid, key, merkle_leaf(leaf) AS hash FROM audit_entry
    WHERE partner_id = p_partner AND xid >= v_from_xid AND xid <= v_to_xid
      AND (xid > v_from_xid OR key > v_from_key) AND (xid < v_to_xid OR key <= v_to_key)
    OFFSET 0
  ) AS entry;
  v_levels := merkle_levels(v_leaves);
  v_root := v_levels[cardinality(v_levels)];
  INSERT INTO audit_block (partner_id, n, previous_hash, skip_hash, root, first_position, entries, sealed_at, hash,
    through_xid, through_key, keys, leaves)
  VALUES (p_partner, v_n, v_previous_hash, v_skip_hash, v_root, v_position, v_entries, p_at,
    audit_block_hash(p_partner, v_n, v_previous_hash, v_skip_hash, v_root, v_position, v_entries, p_at),
    v_to_xid, v_to_key, v_keys, v_leaves);
  -- For the console's chart: each end of a payment once, since each event is sealed once.
  INSERT INTO payment_outcome AS known (day, partner_id, state, payments)
  SELECT (at AT TIME ZONE partner_zone(p_partner))::date, p_partner, split_part(type, '.', 2), count(*)
  FROM payment_event
  WHERE partner_id = p_partner AND xid >= v_from_xid AND xid <= v_to_xid
    AND (xid > v_from_xid OR audit_event_key(id) > v_from_key) AND (xid < v_to_xid OR audit_event_key(id) <= v_to_key)
    AND type IN ('payment.paid', 'payment.declined', 'payment.expired', 'payment.cancelled')
  GROUP BY 1, 3
  ON CONFLICT (day, partner_id, state) DO UPDATE SET payments = known.payments + excluded.payments;
  RETURN jsonb_build_object('outcome', 'sealed', 'n', v_n, 'entries', v_entries);
END
$$;
