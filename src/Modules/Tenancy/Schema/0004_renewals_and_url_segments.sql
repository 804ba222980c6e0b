-- Whether a funnel's renewals are sent, and the segment that a webhook URL must end with (SHA-256 in hex). Projections of the log, like the rest of their rows.
alter table funnel add column sends_renewals boolean not null default false;

alter table gateway_connection add column url_segment_digest varchar;
