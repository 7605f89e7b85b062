-- The moment in which this day ends where the programme is: points with this date are spendable before it, not from it on.
CREATE OR REPLACE FUNCTION end_of_day(p_day date, p_zone text) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = surety, pg_temp
RETURN (p_day + 1)::timestamp AT TIME ZONE p_zone;

-- The day at whose end something ends, as people of this zone write it; NULL where it never does.
CREATE OR REPLACE FUNCTION last_day(p_end timestamptz, p_zone text) RETURNS date
LANGUAGE sql STABLE SET search_path = surety, pg_temp
RETURN ((p_end - interval '1 microsecond') AT TIME ZONE p_zone)::date;

-- The zone of the programme whose tenancy is set.
CREATE OR REPLACE FUNCTION partner_zone(p_partner uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = surety, pg_temp
RETURN (SELECT coalesce(settings ->> 'timeZone', 'Europe/Moscow') FROM partner WHERE id = p_partner);
