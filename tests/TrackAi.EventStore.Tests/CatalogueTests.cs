namespace TrackAi.EventStore.Tests;

/// <summary>The catalogue is Marten 9's (string streams, conjoined tenants, metadata columns on), name for name: Marten opens the same database.</summary>
public sealed class CatalogueTests(OrdersDatabase database) : IClassFixture<OrdersDatabase>
{
    [Fact]
    public async Task Tables_have_Martens_columns_in_Martens_order() =>
        (
            await ListAsync(
                """
                select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
                       || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
                from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
                where c.relname like 'mt\_%' and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
                order by c.relname, a.attnum
                """
            )
        ).ShouldBe(
            """
            mt_doc_deadletterevent.id uuid not null
            mt_doc_deadletterevent.data jsonb not null
            mt_doc_deadletterevent.mt_last_modified timestamp with time zone default transaction_timestamp()
            mt_doc_deadletterevent.mt_version uuid not null default (md5(((random())::text || (clock_timestamp())::text)))::uuid
            mt_doc_deadletterevent.mt_dotnet_type character varying
            mt_event_progression.name character varying not null
            mt_event_progression.last_seq_id bigint
            mt_event_progression.last_updated timestamp with time zone default transaction_timestamp()
            mt_events.seq_id bigint not null
            mt_events.id uuid not null
            mt_events.stream_id character varying
            mt_events.version bigint not null
            mt_events.data jsonb not null
            mt_events.bdata bytea
            mt_events.type character varying(500) not null
            mt_events.timestamp timestamp with time zone not null default now()
            mt_events.tenant_id character varying default '*DEFAULT*'::character varying
            mt_events.mt_dotnet_type character varying
            mt_events.correlation_id character varying
            mt_events.causation_id character varying
            mt_events.headers jsonb
            mt_events.is_archived boolean default false
            mt_high_water_skips.ending_sequence bigint not null
            mt_high_water_skips.starting_sequence bigint not null
            mt_high_water_skips.timestamp timestamp with time zone default transaction_timestamp()
            mt_streams.tenant_id character varying not null default '*DEFAULT*'::character varying
            mt_streams.id character varying not null
            mt_streams.type character varying
            mt_streams.version bigint
            mt_streams.timestamp timestamp with time zone not null default now()
            mt_streams.created timestamp with time zone not null default now()
            mt_streams.is_archived boolean default false
            """
        );

    // PostgreSQL 18 lists NOT NULL as constraints too; the columns above have them.
    [Fact]
    public async Task Constraints_have_Martens_names_and_columns() =>
        (
            await ListAsync(
                """
                select c.conrelid::regclass || ' ' || c.conname || ' ' || pg_get_constraintdef(c.oid) from pg_constraint c
                where c.conrelid::regclass::text like 'mt\_%' and c.contype <> 'n' order by c.conrelid::regclass::text, c.conname
                """
            )
        ).ShouldBe(
            """
            mt_doc_deadletterevent pkey_mt_doc_deadletterevent_id PRIMARY KEY (id)
            mt_event_progression pk_mt_event_progression PRIMARY KEY (name)
            mt_events fkey_mt_events_stream_id_tenant_id FOREIGN KEY (tenant_id, stream_id) REFERENCES mt_streams(tenant_id, id)
            mt_events pkey_mt_events_seq_id PRIMARY KEY (seq_id)
            mt_high_water_skips pkey_mt_high_water_skips_ending_sequence PRIMARY KEY (ending_sequence)
            mt_streams pkey_mt_streams_tenant_id_id PRIMARY KEY (tenant_id, id)
            """
        );

    [Fact]
    public async Task There_is_no_index_that_Martens_migration_would_drop() =>
        (
            await ListAsync(
                "select indexdef from pg_indexes where tablename like 'mt\\_%' and indexname not like 'pkey\\_%' and indexname <> 'pk_mt_event_progression' order by 1"
            )
        ).ShouldBe("CREATE UNIQUE INDEX pk_mt_events_stream_and_version ON public.mt_events USING btree (tenant_id, stream_id, version)");

    [Fact]
    public async Task The_sequence_is_plain_and_owned_by_the_events() =>
        (
            await ListAsync(
                """
                select s.sequencename || ' ' || s.data_type || ' start ' || s.start_value || ' by ' || s.increment_by || ' cache ' || s.cache_size
                       || ' owned by ' || d.refobjid::regclass || '.' || a.attname
                from pg_sequences s
                join pg_depend d on d.objid = s.sequencename::regclass and d.deptype = 'a'
                join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                where s.sequencename like 'mt\_%'
                """
            )
        ).ShouldBe("mt_events_sequence bigint start 1 by 1 cache 1 owned by mt_events.seq_id");

    private Task<string> ListAsync(string lines) => database.ScalarAsync<string>($"select string_agg(line, E'\n') from ({lines}) l(line)");
}
