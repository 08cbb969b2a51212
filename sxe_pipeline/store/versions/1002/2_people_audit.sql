-- Facts that know their event, tokens that their holder proved, and reasons.

select 1;
