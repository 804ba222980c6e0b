-- Meta's data processing options of a tenant's events (Limited Data Use). No options: none are sent.
alter table tenant
    add column data_processing_options text[] not null default '{}',
    add column data_processing_country int,
    add column data_processing_state int;
