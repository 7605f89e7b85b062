-- Gives points back to the lot that they were taken from, whose row the caller has locked. Where it has expired meanwhile
-- they follow the partner's grace: a fresh lot of this transfer until the end of the day so many days on, or back to the old
-- one, where they expire with it. Answers the lot that they are in now.
CREATE OR REPLACE FUNCTION lot_give_back(p_partner uuid, p_lot uuid, p_points bigint, p_transfer uuid, p_at timestamptz) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_lot lot;
  v_grace_days integer;
  v_zone text;
  v_fresh uuid;
BEGIN
  SELECT * INTO STRICT v_lot FROM lot WHERE id = p_lot;
  IF v_lot.expires_at <= p_at THEN
    SELECT coalesce(programme ->> 'releaseGraceDays', settings #>> '{loyalty,releaseGraceDays}', '0')::integer INTO v_grace_days
    FROM partner WHERE id = p_partner;
    IF v_grace_days > 0 THEN
      v_zone := partner_zone(p_partner);
      INSERT INTO lot (partner_id, member_id, granted, remaining, expires_at, transfer_id)
      VALUES (p_partner, v_lot.member_id, p_points, p_points,
        end_of_day((p_at AT TIME ZONE v_zone)::date + v_grace_days, v_zone), p_transfer)
      RETURNING id INTO v_fresh;
      RETURN v_fresh;
    END IF;
  END IF;
  UPDATE lot SET remaining = remaining + p_points WHERE id = p_lot;
  RETURN p_lot;
END
$$;
