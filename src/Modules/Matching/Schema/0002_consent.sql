-- What visitors said about being reported, under the keyed hash of each thing they are known by (and of the click's id). Only who said something has
-- rows. Can be deleted and rebuilt from the log like the other look-ups.
create table match_consent (
    tenant_id   varchar     not null,
    hash        bytea       not null,
    position    bigint      not null,
    consent     boolean     not null,
    primary key (tenant_id, hash, position)
);
