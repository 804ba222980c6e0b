-- What the event store needs beside Marten's tables.

-- What must happen once. Written with the append it guards; can be rebuilt from the log.
create table dedupe_registry (
    tenant_id   varchar     not null,
    key         text        not null,
    stream_id   varchar     not null,
    version     bigint      not null,
    created_at  timestamptz not null,
    primary key (tenant_id, key)
);

-- Who runs a shard. The token rises with every change of owner: whoever writes under an old one is refused.
create table es_shard (
    name            varchar primary key,
    owner           varchar,
    token           bigint not null default 0,
    leased_until    timestamptz,
    state           varchar not null default 'running' check (state in ('running', 'paused', 'stopped')),
    error_sequence  bigint,
    error_type      varchar,
    error           text,
    skip_sequence   bigint,
    skip_error      text,
    changed_at      timestamptz not null default now()
);
