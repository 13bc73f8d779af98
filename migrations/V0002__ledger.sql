-- What was used: one row for each request that reached Bedrock. Never a prompt or an answer.

-- The time that a UUIDv7 carries, to the millisecond.
CREATE FUNCTION event_time(event_id uuid) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN to_timestamp((('x' || translate(left(event_id::text, 13), '-', ''))::bit(48)::bigint) / 1000.0);

-- No foreign keys to people, keys or models: rows outlive them, and inserting stays cheap.
CREATE TABLE usage_event (
    event_id              uuid        NOT NULL,
    -- From event_id and never from the clock, so that a batch sent again meets the same primary key.
    ts                    timestamptz NOT NULL,
    request_id            text        NOT NULL,
    upstream_request_id   text,
    key_id                bigint      NOT NULL,
    user_id               bigint,
    team_id               bigint,
    model                 text        NOT NULL,
    bedrock_model_id      text        NOT NULL,
    region                text        NOT NULL,
    residency             text        NOT NULL CHECK (residency IN ('in-region', 'eu', 'global')),
    streamed              boolean     NOT NULL,
    input_tokens          bigint      NOT NULL CHECK (input_tokens >= 0),
    output_tokens         bigint      NOT NULL CHECK (output_tokens >= 0),
    cache_read_tokens     bigint      NOT NULL CHECK (cache_read_tokens >= 0),
    cache_write_5m_tokens bigint      NOT NULL CHECK (cache_write_5m_tokens >= 0),
    cache_write_1h_tokens bigint      NOT NULL CHECK (cache_write_1h_tokens >= 0),
    cost_nanodollars      bigint      NOT NULL,
    -- The tokens are our estimate, because Bedrock's count never came.
    estimated             boolean     NOT NULL,
    ending                text        NOT NULL CHECK (ending IN ('complete', 'client_gone', 'upstream_failed', 'shutdown')),
    latency_ms            bigint      NOT NULL CHECK (latency_ms >= 0),
    time_to_first_token_ms bigint     CHECK (time_to_first_token_ms >= 0),
    PRIMARY KEY (event_id, ts)
) PARTITION BY RANGE (ts);

CREATE INDEX usage_event_key_id_ts ON usage_event (key_id, ts);

-- A gateway with a wrong clock, or a month that nobody prepared, must not make an insert fail.
CREATE TABLE usage_event_default PARTITION OF usage_event DEFAULT;

-- Makes the partitions (months of UTC) from that of "starting" to "ahead" months later, and returns
-- how many were missing. Rows that the default partition holds for such a month move over.
--
-- The gateway's role may call it without a right to create tables: it runs as its owner.
CREATE FUNCTION make_usage_partitions(starting timestamptz DEFAULT now(), ahead integer DEFAULT 3)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first   timestamp := date_trunc('month', starting AT TIME ZONE 'UTC');
    low     timestamptz;
    high    timestamptz;
    part    text;
    made    integer := 0;
BEGIN
    IF ahead < 0 OR ahead > 120 THEN
        RAISE EXCEPTION 'ahead must be between 0 and 120 months' USING ERRCODE = '22023';
    END IF;
    -- One at a time: two callers would otherwise both find the same month missing.
    PERFORM pg_advisory_xact_lock(hashtext('llmlite.make_usage_partitions'));
    FOR i IN 0..ahead LOOP
        low  := (first + make_interval(months => i)) AT TIME ZONE 'UTC';
        high := (first + make_interval(months => i + 1)) AT TIME ZONE 'UTC';
        part := 'usage_event_' || to_char(first + make_interval(months => i), 'YYYY"_"MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        -- Nobody may file a row of this month in the default partition between the move and the
        -- attachment, which would then fail.
        LOCK TABLE usage_event_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE %I (LIKE usage_event INCLUDING ALL)', part);
        EXECUTE format('WITH moved AS (DELETE FROM usage_event_default WHERE ts >= %L AND ts < %L RETURNING *)
                        INSERT INTO %I SELECT * FROM moved', low, high, part);
        EXECUTE format('ALTER TABLE usage_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, low, high);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- The sums that reports read, kept by the same statement that writes the rows.
CREATE TABLE usage_rollup_day (
    day                   date    NOT NULL, -- UTC
    key_id                bigint  NOT NULL,
    user_id               bigint,
    team_id               bigint,
    model                 text    NOT NULL,
    requests              bigint  NOT NULL CHECK (requests >= 0),
    -- Those that Bedrock or our own stop cut short; a client that left is not a failure.
    failed                bigint  NOT NULL CHECK (failed BETWEEN 0 AND requests),
    estimated             bigint  NOT NULL CHECK (estimated BETWEEN 0 AND requests),
    input_tokens          bigint  NOT NULL CHECK (input_tokens >= 0),
    output_tokens         bigint  NOT NULL CHECK (output_tokens >= 0),
    cache_read_tokens     bigint  NOT NULL CHECK (cache_read_tokens >= 0),
    cache_write_5m_tokens bigint  NOT NULL CHECK (cache_write_5m_tokens >= 0),
    cache_write_1h_tokens bigint  NOT NULL CHECK (cache_write_1h_tokens >= 0),
    cost_nanodollars      bigint  NOT NULL,
    -- A key can change hands; its usage stays with whoever held it that day.
    CONSTRAINT usage_rollup_day_is_one_row UNIQUE NULLS NOT DISTINCT (day, key_id, user_id, team_id, model)
) WITH (fillfactor = 60);

SELECT make_usage_partitions();
