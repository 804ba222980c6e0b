-- Flags that a command switched, for all hosts; one that is not here is the configuration's. Not in the log: it is about the program, not the business.
create table feature_flag (
    name         varchar     primary key,
    is_on        boolean     not null,
    switched_at  timestamptz not null
);
