-- The tree of RFC 6962, section 2.1, over hashes that stand one after the other, 32 bytes each.
CREATE OR REPLACE FUNCTION merkle_leaf(p_text text) RETURNS bytea
LANGUAGE sql IMMUTABLE
RETURN sha256('\x00'::bytea || convert_to(p_text, 'UTF8'));

-- The level above: of each two neighbours one, and an odd last one as it is.
CREATE OR REPLACE FUNCTION merkle_parents(p_nodes bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE
RETURN (
  SELECT string_agg(CASE length(pair) WHEN 64 THEN sha256('\x01'::bytea || pair) ELSE pair END, ''::bytea ORDER BY i)
  FROM (SELECT i, substr(p_nodes, 64 * i + 1, 64) AS pair
    FROM generate_series(0, (length(p_nodes) / 32 - 1) / 2) AS i) AS neighbours);

-- All levels, the leaves first; the last is the root.
CREATE OR REPLACE FUNCTION merkle_levels(p_leaves bytea) RETURNS bytea[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  v_level bytea := p_leaves;
  v_levels bytea[] := ARRAY[p_leaves];
BEGIN
  WHILE length(v_level) > 32 LOOP
    v_level := surety.merkle_parents(v_level);
    v_levels := v_levels || v_level;
  END LOOP;
  RETURN v_levels;
END
$$;

-- The neighbours by which the leaf leads to the root, from below, as hexadecimal texts.
CREATE OR REPLACE FUNCTION merkle_path(p_levels bytea[], p_index integer) RETURNS jsonb
LANGUAGE sql IMMUTABLE
RETURN (
  SELECT coalesce(jsonb_agg(encode(neighbour, 'hex') ORDER BY height), '[]')
  FROM (SELECT height, substr(level, 32 * ((p_index >> (height - 1)::integer) # 1) + 1, 32) AS neighbour
    FROM unnest(p_levels) WITH ORDINALITY AS above(level, height)) AS step
  WHERE length(neighbour) = 32);

CREATE OR REPLACE FUNCTION audit_block_hash(
  p_partner uuid, p_n bigint, p_previous_hash bytea, p_skip_hash bytea, p_root bytea, p_first_position bigint, p_entries integer,
  p_sealed_at timestamptz
) RETURNS bytea
LANGUAGE sql STABLE
RETURN sha256('\x02'::bytea || convert_to(to_json(ARRAY['surety.block.1', p_partner::text, p_n::text,
  encode(p_previous_hash, 'hex'), encode(p_skip_hash, 'hex'), encode(p_root, 'hex'), p_first_position::text, p_entries::text,
  audit_time(p_sealed_at)])::text, 'UTF8'));
