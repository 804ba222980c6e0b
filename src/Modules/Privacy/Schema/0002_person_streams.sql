-- Which streams are whose: the keyed hashes of everything that a stream's person is known by. Lets a person be found who asks for their data or
-- wants it gone. Learned from the log; erasing deletes rows.
create table person_stream
(
    tenant_id  varchar not null,
    stream_id  varchar not null,
    hashes     bytea[] not null,
    primary key (tenant_id, stream_id)
);

create index person_stream_hashes on person_stream using gin (hashes);
