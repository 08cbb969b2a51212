-- Posts are sightings of their author: of the observations of a day and of a file, those that were posts.

alter table social.day_count add column post_count bigint not null default 0
    check (post_count between 0 and observation_count);

alter table social.file_count add column post_count bigint not null default 0
    check (post_count between 0 and observation_count);
