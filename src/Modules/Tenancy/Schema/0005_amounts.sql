-- Which of the gateway's amounts is a sale's value; null for its usual one. A projection of the log, like the rest of the row.
alter table gateway_connection add column amount varchar;
