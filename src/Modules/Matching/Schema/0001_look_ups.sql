-- What Matching compares a sale with. Keyed hashes only; can be deleted and rebuilt from the log. The position says which event taught it: a
-- sale is decided by what was known when it came, at whatever time it is decided again.
create table match_click (
    tenant_id   varchar     not null,
    click_id    varchar     not null,
    clicked_at  timestamptz not null,
    position    bigint      not null,
    primary key (tenant_id, click_id)
);

-- One row an identifier of a click, its own or learned later (an e-mail at the checkout).
create table match_key (
    tenant_id   varchar     not null,
    rule        smallint    not null,
    hash        bytea       not null,
    clicked_at  timestamptz not null,
    click_id    varchar     not null,
    position    bigint      not null,
    primary key (tenant_id, rule, hash, clicked_at, click_id)
);
