create table paid_per_stream (
    stream    varchar primary key,
    payments  bigint  not null,
    paid      numeric not null
);
create index paid_per_stream_richest on paid_per_stream (paid desc);
create view paid_view as select * from paid_per_stream;
