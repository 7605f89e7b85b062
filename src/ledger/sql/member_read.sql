-- What the partner sees of a member: who he is, what he can spend at p_at, what is held, and what expires within p_soon;
-- NULL where there is none.
CREATE OR REPLACE FUNCTION member_read(p_partner uuid, p_member uuid, p_soon interval, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT jsonb_build_object(
      'id', id, 'externalId', CASE WHEN erased_at IS NULL THEN external_id END, 'metadata', metadata,
      'createdAt', created_at, 'erasedAt', erased_at,
      'balance', member_balance(p_partner, p_member, p_at),
      'expiringSoon', (SELECT coalesce(jsonb_agg(jsonb_build_object('expiresOn', day, 'points', points) ORDER BY day), '[]')
        FROM (SELECT last_day(expires_at, partner_zone(p_partner)) AS day, sum(remaining)::bigint AS points FROM lot
          WHERE member_id = p_member AND NOT spent AND expires_at > p_at AND expires_at <= p_at + p_soon
          GROUP BY 1) AS soon))
    FROM member WHERE id = p_member);
END
$$;

-- What was left in an expired lot at a moment since: what is left now and what was booked as expired later, without what
-- came back to it later, from holds (unless they followed the partner's grace into a lot of their own) and returns.
CREATE OR REPLACE FUNCTION lot_remaining_at(p_lot lot, p_then timestamptz) RETURNS bigint
LANGUAGE sql STABLE SET search_path = surety, pg_temp AS $$
  SELECT p_lot.remaining
    + (SELECT coalesce(sum(expiry.amount), 0)::bigint
      FROM account JOIN transfer expiry ON expiry.debit = account.id AND expiry.kind = 'expiry'
      WHERE account.owner = p_lot.member_id AND account.kind = 'member.available'
        AND expiry.reference = p_lot.id::text AND expiry.at > p_then)
    - (SELECT coalesce(sum(hold_lot.points), 0)::bigint
      FROM hold_lot JOIN hold ON hold.id = hold_lot.hold_id
      WHERE hold_lot.lot_id = p_lot.id AND hold.state = 'released' AND hold.closed_at > p_then AND NOT EXISTS (
        SELECT FROM transfer release JOIN lot fresh ON fresh.transfer_id = release.id AND fresh.id <> fresh.transfer_id
        WHERE release.payment_id = hold.payment_id AND release.kind = 'release'
          AND release.reference = hold.confirmation_id::text))
    - (SELECT coalesce(sum(given.points), 0)::bigint
      FROM payment_return_lot given JOIN payment_return ON payment_return.id = given.return_id
      WHERE given.given_to = p_lot.id AND payment_return.returned_at > p_then);
$$;

-- The same sums as the books had them at a moment: by the entries, expiry included; NULL where there is no such member.
CREATE OR REPLACE FUNCTION member_balance_at(p_partner uuid, p_member uuid, p_then timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT jsonb_build_object(
      'available', coalesce(sum(amount) FILTER (WHERE kind = 'member.available'), 0)::bigint,
      'held', coalesce(sum(amount) FILTER (WHERE kind = 'member.held'), 0)::bigint)
    FROM member LEFT JOIN (
      SELECT account.kind, transfer.amount FROM account JOIN transfer ON transfer.credit = account.id
      WHERE account.owner = p_member AND transfer.at <= p_then
      UNION ALL
      SELECT account.kind, -transfer.amount FROM account JOIN transfer ON transfer.debit = account.id
      WHERE account.owner = p_member AND transfer.kind <> 'credit' AND transfer.at <= p_then
      UNION ALL
      -- Over, but not booked then.
      SELECT 'member.available', -lot_remaining_at(lot, p_then) FROM lot JOIN transfer ON transfer.id = lot.transfer_id
      WHERE lot.member_id = p_member AND lot.expires_at <= p_then AND transfer.at <= p_then
    ) AS movement ON true
    WHERE member.id = p_member GROUP BY member.id);
END
$$;

-- ... and at the end of a day in the programme's zone.
CREATE OR REPLACE FUNCTION member_balance_on(p_partner uuid, p_member uuid, p_day date) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN member_balance_at(p_partner, p_member,
    end_of_day(p_day, partner_zone(p_partner)) - interval '1 microsecond');
END
$$;

-- A page of the member's entries, newest first, from before p_before (exclusive); points are signed, as his balance moved.
CREATE OR REPLACE FUNCTION member_entries(p_partner uuid, p_member uuid, p_before uuid, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'kind', kind, 'points', points, 'reference', reference,
      'paymentId', payment_id, 'creditId', origin, 'at', at) ORDER BY id DESC), '[]')
    FROM (
      SELECT * FROM (
        SELECT transfer.*, transfer.amount AS points FROM transfer JOIN account ON account.id = transfer.credit
        WHERE account.owner = p_member AND account.kind = 'member.available' AND (p_before IS NULL OR transfer.id < p_before)
        UNION ALL
        SELECT transfer.*, -transfer.amount FROM transfer JOIN account ON account.id = transfer.debit
        WHERE account.owner = p_member AND account.kind = 'member.available' AND transfer.kind <> 'credit' AND (p_before IS NULL OR transfer.id < p_before)
        UNION ALL
        -- Points that were held and are spent: the balance moved when they were held.
        SELECT transfer.*, 0 FROM transfer JOIN account ON account.id = transfer.debit
        WHERE account.owner = p_member AND account.kind = 'member.held' AND transfer.kind = 'capture'
          AND (p_before IS NULL OR transfer.id < p_before)
      ) AS entry ORDER BY id DESC LIMIT p_limit
    ) AS page);
END
$$;

-- A page of the member's lots with something left in them or held, oldest first, from after p_after (exclusive).
CREATE OR REPLACE FUNCTION member_lots(p_partner uuid, p_member uuid, p_after uuid, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'creditId', credit_id, 'granted', granted, 'remaining', remaining,
      'held', held, 'expiresOn', last_day(expires_at, partner_zone(p_partner)), 'reference', reference, 'at', at)
      ORDER BY id), '[]')
    FROM (
      SELECT lot.*, transfer.reference, transfer.at, CASE transfer.kind WHEN 'credit' THEN transfer.id END AS credit_id,
        (SELECT coalesce(sum(hold_lot.points), 0)::bigint FROM hold_lot JOIN hold ON hold.id = hold_lot.hold_id
          WHERE hold_lot.lot_id = lot.id AND hold.state = 'held') AS held
      FROM lot JOIN transfer ON transfer.id = lot.transfer_id
      -- Each by its own index: what is left, and what is held.
      WHERE (p_after IS NULL OR lot.id > p_after) AND lot.id IN (
        SELECT id FROM lot WHERE member_id = p_member AND NOT spent AND remaining > 0
        UNION SELECT hold_lot.lot_id FROM hold JOIN hold_lot ON hold_lot.hold_id = hold.id
          WHERE hold.member_id = p_member AND hold.state = 'held')
      ORDER BY lot.id LIMIT p_limit
    ) AS page);
END
$$;
