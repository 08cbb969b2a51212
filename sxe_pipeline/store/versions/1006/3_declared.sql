-- What collections declared when the named cards were made: where one declares something else, its cards are
-- made anew.
create table cards.declared (
    collection text primary key,
    tribes text[] not null,
    market text
);
