-- Books the lines of one chunk as a set, and that they are booked: both or neither, so that a crash or a retry goes on
-- exactly after the last chunk, and chunks may be booked side by side. The lines come as arrays of one length, sorted by
-- reference; p_member and p_day point into p_members (each once) and p_days (0: never expires). p_ids are of the transfers
-- and of their lots. Lines that were refused already come as p_refused_*.
-- What meets others is locked in one order by everybody who credits: members by external id, references ascending, accounts
-- by ascending id, programme.issued after them, the import's row last. So the hot row of the programme is held shortest.
-- Outcomes: applied; already_applied; not_running.
CREATE OR REPLACE FUNCTION credit_import_apply(
  p_partner uuid, p_import uuid, p_chunk integer, p_members text[], p_days date[], p_ids uuid[], p_lines integer[],
  p_member integer[], p_day integer[], p_points bigint[], p_references text[], p_refused_lines integer[],
  p_refused_reasons text[], p_refused_fields text[], p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp
-- Sets of thousands meet tables of millions, by their indexes; what the planner would guess of an array is no help.
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_material = off AS $$
DECLARE
  most_rejections CONSTANT integer := 100000;
  v_import credit_import;
  v_chunk credit_import_chunk;
  v_issued uuid;
  v_member_ids uuid[];
  v_accounts uuid[];
  v_ends timestamptz[];
  v_created integer := 0;
  v_already integer := 0;
  v_touched uuid[];
  v_sums bigint[];
  v_total bigint := 0;
  v_kept integer;
  v_xid xid8 := pg_current_xact_id();
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  DELETE FROM credit_import_chunk WHERE import_id = p_import AND n = p_chunk RETURNING * INTO v_chunk;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'already_applied');
  END IF;
  SELECT * INTO STRICT v_import FROM credit_import WHERE id = p_import;
  IF v_import.state <> 'running' THEN
    RAISE EXCEPTION 'import % is %', p_import, v_import.state;
  END IF;
  SELECT array_agg(end_of_day(day, partner_zone(p_partner)) ORDER BY o) INTO v_ends
  FROM unnest(p_days) WITH ORDINALITY AS given(day, o);

  IF NOT v_import.dry_run THEN
    v_issued := ledger_account(p_partner, 'programme.issued', NULL, 'points');
    WITH created AS (
      INSERT INTO member (partner_id, external_id)
      SELECT p_partner, name FROM unnest(p_members) AS name
      WHERE NOT EXISTS (SELECT FROM member WHERE partner_id = p_partner AND external_id = name)
      ORDER BY name
      ON CONFLICT DO NOTHING RETURNING id
    ), opened AS (
      INSERT INTO account (partner_id, kind, owner, asset)
      SELECT p_partner, kind, id, 'points' FROM created, unnest(ARRAY['member.available', 'member.held']) AS kind
    )
    SELECT count(*) INTO v_created FROM created;
  END IF;
  SELECT array_agg(id ORDER BY o), array_agg(account ORDER BY o) INTO v_member_ids, v_accounts
  FROM (
    SELECT o, known.id, (SELECT id FROM account
      WHERE partner_id = p_partner AND kind = 'member.available' AND owner = known.id AND asset = 'points') AS account
    FROM unnest(p_members) WITH ORDINALITY AS named(name, o) LEFT JOIN LATERAL (
      SELECT id FROM member WHERE partner_id = p_partner AND external_id = name LIMIT 1
    ) AS known ON true
  ) AS named;
  IF NOT v_import.dry_run AND array_position(v_accounts, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'a member of import % has no account', p_import;
  END IF;

  -- As if nothing stood under these references yet, which is the rule. Where something does, also what somebody else has
  -- just put there, the lines are judged one by one, and those that are left are tried again.
  FOR attempt IN 1..5 LOOP
    IF attempt > 1 OR v_import.dry_run THEN
      WITH line AS (
        SELECT *, p_members[member] AS external_id, p_days[day] AS expires_on, v_ends[day] AS expires_at
        FROM unnest(p_ids, p_lines, p_member, p_day, p_points, p_references) WITH ORDINALITY
          AS given(id, line, member, day, points, reference, o)
      ), judged AS (
        SELECT line.*, CASE
          WHEN known.id IS NOT NULL AND known.credit IS NOT DISTINCT FROM v_accounts[line.member] AND known.amount = line.points
            AND line.expires_at IS NOT DISTINCT FROM (SELECT expires_at FROM lot
              WHERE transfer_id = known.id AND (lot.id = known.id OR lot.id <> lot.transfer_id)) THEN 'already'
          WHEN known.id IS NOT NULL THEN 'reference_conflict'
          WHEN rehearsed.reference IS NOT NULL AND (rehearsed.external_id, rehearsed.points) = (line.external_id, line.points)
            AND rehearsed.expires_on IS NOT DISTINCT FROM line.expires_on THEN 'already'
          WHEN rehearsed.reference IS NOT NULL THEN 'reference_conflict'
          WHEN line.o = first_value(line.o) OVER twins THEN 'fresh'
          WHEN (line.member, line.points, line.day) =
            (first_value(line.member) OVER twins, first_value(line.points) OVER twins, first_value(line.day) OVER twins) THEN 'already'
          ELSE 'reference_conflict' END AS verdict
        FROM line
        LEFT JOIN transfer known ON known.partner_id = p_partner AND known.kind = 'credit' AND known.reference = line.reference
        LEFT JOIN credit_import_rehearsal rehearsed ON v_import.dry_run AND rehearsed.import_id = p_import
          AND rehearsed.reference = line.reference
        WINDOW twins AS (PARTITION BY line.reference ORDER BY line.line)
      )
      SELECT
        coalesce(array_agg(id ORDER BY o) FILTER (WHERE verdict = 'fresh'), '{}'),
        coalesce(array_agg(line ORDER BY o) FILTER (WHERE verdict = 'fresh'), '{}'),
        coalesce(array_agg(member ORDER BY o) FILTER (WHERE verdict = 'fresh'), '{}'),
        coalesce(array_agg(day ORDER BY o) FILTER (WHERE verdict = 'fresh'), '{}'),
        coalesce(array_agg(points ORDER BY o) FILTER (WHERE verdict = 'fresh'), '{}'),
        coalesce(array_agg(reference ORDER BY o) FILTER (WHERE verdict = 'fresh'), '{}'),
        v_already + count(*) FILTER (WHERE verdict = 'already'),
        p_refused_lines || coalesce(array_agg(line) FILTER (WHERE verdict NOT IN ('fresh', 'already')), '{}'),
        p_refused_reasons || coalesce(array_agg(verdict) FILTER (WHERE verdict NOT IN ('fresh', 'already')), '{}'),
        p_refused_fields || coalesce(array_agg('reference'::text) FILTER (WHERE verdict NOT IN ('fresh', 'already')), '{}')
      INTO p_ids, p_lines, p_member, p_day, p_points, p_references, v_already, p_refused_lines, p_refused_reasons, p_refused_fields
      FROM judged;
    END IF;
    BEGIN
      IF v_import.dry_run THEN
        INSERT INTO credit_import_rehearsal (import_id, reference, partner_id, external_id, points, expires_on)
        SELECT p_import, reference, p_partner, p_members[member], points, p_days[day]
        FROM unnest(p_member, p_day, p_points, p_references) AS line(member, day, points, reference);
      ELSE
        WITH line AS MATERIALIZED (
          SELECT * FROM unnest(p_ids, p_member, p_day, p_points, p_references) AS line(id, member, day, points, reference)
        ), booked AS (
          INSERT INTO transfer (id, partner_id, kind, debit, credit, amount, reference, actor, at, xid)
          SELECT id, p_partner, 'credit', v_issued, v_accounts[member], points, reference, v_import.actor, p_at, v_xid FROM line
        )
        INSERT INTO lot (id, partner_id, member_id, granted, remaining, expires_at, transfer_id)
        SELECT id, p_partner, v_member_ids[member], points, points, v_ends[day], id FROM line;
      END IF;
      EXIT;
    EXCEPTION WHEN unique_violation THEN
      IF attempt = 5 THEN
        RAISE;
      END IF;
    END;
  END LOOP;

  SELECT coalesce(sum(points), 0) INTO v_total FROM unnest(p_points) AS points;
  IF NOT v_import.dry_run AND v_total > 0 THEN
    SELECT array_agg(account), array_agg(points) INTO v_touched, v_sums FROM (
      SELECT v_accounts[member] AS account, sum(points)::bigint AS points
      FROM unnest(p_member, p_points) AS line(member, points) GROUP BY 1) AS side;
    PERFORM FROM account WHERE id = ANY (v_touched) ORDER BY id FOR UPDATE;
    -- Who was erased while this ran is not credited: the chunk is tried again, and his name is somebody new then.
    IF EXISTS (SELECT FROM member WHERE id = ANY (v_member_ids) AND erased_at IS NOT NULL) THEN
      RAISE EXCEPTION 'a member was erased meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    UPDATE account SET balance = balance + points FROM unnest(v_touched, v_sums) AS side(touched, points) WHERE id = touched;
    UPDATE account SET balance = balance - v_total WHERE id = v_issued;
  END IF;

  UPDATE credit_import SET
    lines_done = lines_done + v_chunk.lines,
    credited_lines = credited_lines + cardinality(p_ids),
    credited_points = credited_points + v_total,
    already_credited_lines = already_credited_lines + v_already,
    rejected_lines = rejected_lines + cardinality(p_refused_lines),
    members_created = members_created + v_created
  WHERE id = p_import RETURNING old.rejected_lines INTO v_kept;
  INSERT INTO credit_import_rejection (import_id, line, partner_id, reason, field)
  SELECT p_import, line, p_partner, reason, field
  FROM unnest(p_refused_lines, p_refused_reasons, p_refused_fields) AS refused(line, reason, field)
  ORDER BY line LIMIT greatest(0, most_rejections - v_kept);
  RETURN jsonb_build_object('outcome', 'applied');
END
$$;
