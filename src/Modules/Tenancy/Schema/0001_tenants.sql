-- Tenants and what belongs to them. tenant_id is the tenant's slug everywhere.

-- Projections of the log, written in the transaction of their events; built anew from the log by command.
create table tenant (
    slug        varchar     primary key,
    name        text        not null,
    status      varchar     not null check (status in ('active', 'suspended')),
    time_zone   varchar     not null,
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);

create table funnel (
    tenant_id   varchar     not null,
    id          varchar     not null,
    name        text        not null,
    gateway     varchar,
    product_id  text,
    pixel_id    varchar,
    is_default  boolean     not null,
    created_at  timestamptz not null,
    primary key (tenant_id, id)
);

create unique index funnel_default on funnel (tenant_id) where is_default;

create table gateway_connection (
    tenant_id         varchar not null,
    gateway           varchar not null,
    allowed_networks  text[]  not null,
    primary key (tenant_id, gateway)
);

-- Not in the log and not to be had from it: sealed under the master key.
create table gateway_secret (
    tenant_id    varchar     not null,
    gateway      varchar     not null,
    secret_id    uuid        not null,
    sealed       bytea       not null,
    valid_from   timestamptz not null,
    valid_until  timestamptz,
    primary key (tenant_id, gateway, secret_id)
);

create unique index gateway_secret_current on gateway_secret (tenant_id, gateway) where valid_until is null;

create table pixel (
    tenant_id        varchar     not null,
    pixel_id         varchar     not null,
    sealed_token     bytea       not null,
    test_event_code  text,
    token_set_at     timestamptz not null,
    primary key (tenant_id, pixel_id)
);

-- Only the SHA-256 of a key: 238 random bits need no slower hash.
create table api_key (
    id            uuid        primary key,
    tenant_id     varchar     not null,
    name          text        not null,
    hash          bytea       not null unique,
    created_at    timestamptz not null,
    last_used_at  timestamptz,
    revoked_at    timestamptz
);

create index api_key_tenant on api_key (tenant_id);
