-- The keys that protect cookies and forms, the same for all hosts. Each is sealed under the master key before it is written.
create table data_protection_key (
    name        varchar     primary key,
    xml         text        not null,
    created_at  timestamptz not null
);
