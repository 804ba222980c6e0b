-- Whose pages may send visits for the tenant; empty is any. A projection of the log, like the rest of the row.
alter table tenant add column origins text[] not null default '{}';
