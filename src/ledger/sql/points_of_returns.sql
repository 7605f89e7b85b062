-- The points that returns of p_returned_minor of p_amount_minor give back in all: their share, rounded down, so that parts,
-- however cut, never come to more, and the whole sum gives all of them (src/domain/returns.ts says the same).
CREATE OR REPLACE FUNCTION points_of_returns(p_points bigint, p_amount_minor bigint, p_returned_minor bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = surety, pg_temp
RETURN div(p_points::numeric * p_returned_minor, p_amount_minor)::bigint;
