-- People look a sale up by Meta's event_id, too.
create index conversion_received_event on conversion_received (event_id);
