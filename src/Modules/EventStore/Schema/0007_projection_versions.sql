-- By which version of its code each read model was built; a lower one than the program has is built again.
create table es_projection (
    name        varchar primary key,
    version     int     not null
);
