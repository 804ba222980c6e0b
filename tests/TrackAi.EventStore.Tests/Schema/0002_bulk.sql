create table paid_by_members (
    bucket       int     primary key,
    payments     bigint  not null,
    paid         numeric not null,
    last_amount  numeric not null
);
create index paid_by_members_most on paid_by_members (payments desc);
create index paid_by_members_last on paid_by_members (last_amount);

create table paid_by_set (
    bucket       int     primary key,
    payments     bigint  not null,
    paid         numeric not null,
    last_amount  numeric not null
);
create index paid_by_set_most on paid_by_set (payments desc);
create index paid_by_set_last on paid_by_set (last_amount);
