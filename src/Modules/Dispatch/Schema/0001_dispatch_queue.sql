-- What has been decided and not yet confirmed. One row a dispatch; written in the transaction that decides it, removed in the one that records its end.
create table dispatch_queue (
    dispatch_id      varchar     primary key,
    tenant_id        varchar     not null,
    conversion_id    varchar     not null,
    pixel_id         varchar     not null,
    attempt          int         not null default 0,
    due_at           timestamptz not null,
    -- Whoever holds the claim may record a failure; a claim that is not kept up ends at due_at.
    claim            uuid,
    requested_at     timestamptz not null,
    -- When Meta may have taken the event without our knowing: its de-duplication looks back 48 hours from then.
    unknown_since    timestamptz
);

create index dispatch_queue_due on dispatch_queue (due_at);

-- What was given up. Stays until it is sent again or discarded by command.
create table dispatch_dead_letter (
    dispatch_id      varchar     primary key,
    tenant_id        varchar     not null,
    conversion_id    varchar     not null,
    pixel_id         varchar     not null,
    attempt          int         not null,
    reason           varchar     not null,
    error            text        not null,
    requested_at     timestamptz not null,
    dead_at          timestamptz not null
);

create index dispatch_dead_letter_tenant on dispatch_dead_letter (tenant_id, dead_at);
