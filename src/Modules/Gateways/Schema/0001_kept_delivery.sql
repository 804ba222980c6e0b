-- Bodies of deliveries that were not understood, encrypted under the key of their stream. Kept until they are, or for 30 days; never in the log.
create table kept_delivery (
    tenant_id    varchar     not null,
    stream_id    varchar     not null,
    gateway      varchar     not null,
    received_at  timestamptz not null,
    body         text        not null,
    primary key (tenant_id, stream_id)
);

create index kept_delivery_received on kept_delivery (received_at);
