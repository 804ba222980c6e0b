-- A click is found by its token like by anything else. A token is no secret and no person: it stands here as it is.
insert into match_key (tenant_id, rule, hash, clicked_at, click_id, position)
select tenant_id, 0, convert_to(click_id, 'UTF8'), clicked_at, click_id, position from match_click
on conflict do nothing;

drop table match_click;

-- What is older than the longest window is deleted; clicks come in roughly by time, so this index costs next to nothing.
create index match_key_clicked_at on match_key using brin (clicked_at);

-- Things that were told together, by a checkout or a sale: one row for each identifier, with those of the other kind beside it (a person's beside a
-- browser's, and the other way round). Each sibling is a byte for its rule and then its hash.
create table match_link (
    tenant_id       varchar     not null,
    rule            smallint    not null,
    hash            bytea       not null,
    at              timestamptz not null,
    position        bigint      not null,
    siblings        bytea[]     not null,
    conversion_id   varchar,
    primary key (tenant_id, rule, hash, at, position)
);
create index match_link_at on match_link using brin (at);

-- Sales that something later may still decide otherwise, under each identifier. at is the latest click that could have caused them.
create table match_open (
    tenant_id       varchar     not null,
    rule            smallint    not null,
    hash            bytea       not null,
    at              timestamptz not null,
    conversion_id   varchar     not null,
    position        bigint      not null,
    primary key (tenant_id, rule, hash, at, conversion_id)
);
create index match_open_at on match_open using brin (at);

-- When it was said: what comes late counts by this. Null of what was learned before there was this column.
alter table match_consent add column said_at timestamptz;

-- The rules that were activated, each from its position in the log on. A copy of the log's.
create table match_rules (
    version         int         primary key,
    position        bigint      not null,
    rules           jsonb       not null,
    activated_by    varchar     not null,
    activated_at    timestamptz not null
);

-- Rules that are tried beside those in force, and what they would have decided otherwise.
create table match_shadow (
    id              smallint    primary key default 1 check (id = 1),
    rules           jsonb       not null,
    since           timestamptz not null,
    sales           bigint      not null default 0,
    matched         bigint      not null default 0,
    would_match     bigint      not null default 0
);

create table match_shadow_difference (
    tenant_id       varchar     not null,
    conversion_id   varchar     not null,
    was             smallint,
    was_click_id    varchar,
    would           smallint,
    would_click_id  varchar,
    campaign        varchar,
    amount          numeric     not null,
    currency        varchar     not null,
    primary key (tenant_id, conversion_id)
);
