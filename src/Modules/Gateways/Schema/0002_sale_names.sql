-- Under which order a sale is recorded that its gateway tells under several ids. Written with the deliveries; what is lost here only costs joins.
create table sale_name (
    tenant_id  varchar     not null,
    gateway    varchar     not null,
    name       varchar     not null,
    order_id   varchar     not null,
    -- A keyed hash of what two deliveries of one payment share where no link is given; taken away once it has joined two.
    side       varchar,
    trace      bytea,
    traced_at  timestamptz,
    primary key (tenant_id, gateway, name)
);

create index sale_name_trace on sale_name (tenant_id, gateway, trace) where trace is not null;

-- Bodies of deliveries that wait for another one, encrypted under the key of their stream. Gone once they are recorded.
create table held_delivery (
    tenant_id    varchar     not null,
    stream_id    varchar     not null,
    gateway      varchar     not null,
    order_id     varchar     not null,
    received_at  timestamptz not null,
    due_at       timestamptz not null,
    body         text        not null,
    primary key (tenant_id, stream_id)
);

create index held_delivery_due on held_delivery (due_at);
