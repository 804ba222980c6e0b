-- Keys of the installation as a whole, sealed under the master key. Not in the log and not to be had from it.
create table installation_key
(
    name        varchar     primary key,
    sealed      bytea       not null,
    created_at  timestamptz not null default now()
);
