-- How far a rebuild got. The row goes with the swap; one that stays is taken up again.
create table es_rebuild (
    name        varchar     primary key,
    schema      varchar     not null,
    -- The build of the code that made the tables: another one starts anew.
    built_by    varchar     not null,
    position    bigint      not null default 0,
    started_at  timestamptz not null default now()
);
