-- People look a sale up by how its order begins. By bytes, whatever the database's own collation: only so does a beginning have a range.
create index conversion_received_beginning on conversion_received (tenant_id, conversion_id collate "C");
