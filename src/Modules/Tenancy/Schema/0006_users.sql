-- People who sign in. Not in the log and not to be had from it; the log names them by id only.
create table app_user (
    id                 uuid        primary key,
    email              varchar     not null unique check (email = lower(email)),
    name               text        not null,
    is_operator        boolean     not null,
    password_hash      text,
    -- Another one ends every session.
    security_stamp     varchar     not null,
    failed_attempts    int         not null default 0,
    locked_until       timestamptz,
    -- Sealed under the master key.
    sealed_totp        bytea,
    -- A code counts once.
    totp_last_step     bigint      not null default 0,
    created_at         timestamptz not null,
    last_signed_in_at  timestamptz
);

create table app_user_tenant (
    user_id    uuid    not null references app_user (id),
    tenant_id  varchar not null,
    role       varchar not null check (role in ('viewer', 'owner')),
    primary key (user_id, tenant_id)
);
create index app_user_tenant_by_tenant on app_user_tenant (tenant_id);

-- Only the SHA-256 of a link's token: 256 random bits need no slower hash. One a user.
create table app_user_link (
    user_id     uuid        primary key references app_user (id),
    hash        bytea       not null unique,
    expires_at  timestamptz not null
);

-- What a key is for, and when one that was rotated ends. Keys from before could do everything.
alter table api_key
    add column scopes varchar[] not null default '{analytics,dead_letters}',
    add column ends_at timestamptz;
