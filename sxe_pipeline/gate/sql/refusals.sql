-- Refusals carry a class of ours: SXBAD bad input, SXNOF not found, SXREF refused, SXCON another
-- answer stands, SXBSY try again.
--
-- Every function that a login may run fixes its search path and runs as the owner. The ones inside are
-- for those alone: nobody else may execute them, and without a path of their own the planner can take
-- them in.

create or replace function gate.refuse(_class text, _why text) returns void language plpgsql as $$
begin
    raise exception using errcode = _class, message = _why;
end $$;

-- A reason is a word of ours: no text of a provider gets into an event.
create or replace function gate.reason_code(_reason text) returns text
language sql immutable as $$
    select case when _reason is null or _reason ~ '^[a-z][a-z0-9_]{0,39}$' then _reason
                else 'unnamed' end;
$$;
