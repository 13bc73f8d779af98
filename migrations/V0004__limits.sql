-- How much of everything may be used, and by whom.

-- One limit: one measure of one subject, overall or for one model.
CREATE TABLE limits (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_kind   text        NOT NULL CHECK (subject_kind IN ('key', 'user', 'team', 'organisation')),
    -- The number of the key, user or team.
    subject_id     bigint      CHECK ((subject_id IS NULL) = (subject_kind = 'organisation')),
    -- Makes it a default for each such member of the subject, and no limit of the subject itself.
    each           text        CHECK (each IN ('team', 'user', 'key')),
    -- The friendly name of the one model that it is about; null means all of them together.
    model          text        CHECK (char_length(model) BETWEEN 1 AND 200),
    measure        text        NOT NULL CHECK (measure IN ('budget', 'requests_per_minute', 'tokens_per_minute', 'parallel_requests')),
    period         text        CHECK (period IN ('day', 'week', 'month', 'financial_year', 'lifetime')),
    -- Nanodollars, requests or tokens; null means unlimited, said and not left out.
    ceiling        bigint      CHECK (ceiling >= 0),
    -- What holds instead until then; null until a date means unlimited.
    raise_to       bigint      CHECK (raise_to >= 0),
    raise_until    timestamptz CHECK (isfinite(raise_until)),
    overdraft      bigint      NOT NULL DEFAULT 0 CHECK (overdraft >= 0),
    fit            text        NOT NULL DEFAULT 'deny' CHECK (fit IN ('deny', 'clamp')),
    shadow         boolean     NOT NULL DEFAULT false,
    thresholds     smallint[]  NOT NULL DEFAULT '{}',
    -- The default that it comes from, where it was not set on the subject itself.
    inherited_from bigint      REFERENCES limits (id) ON DELETE CASCADE,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((period IS NOT NULL) = (measure = 'budget')),
    CHECK (raise_until IS NOT NULL OR raise_to IS NULL),
    CHECK (measure = 'budget' OR (overdraft = 0 AND thresholds = '{}')),
    CONSTRAINT limits_one_of_a_kind UNIQUE NULLS NOT DISTINCT (subject_kind, subject_id, each, model, measure, period)
);

-- How high a limit is at this moment, in the units of its measure; null means unlimited.
CREATE FUNCTION present_ceiling(l limits) RETURNS bigint
LANGUAGE sql VOLATILE
RETURN CASE WHEN l.raise_until > clock_timestamp() THEN l.raise_to ELSE l.ceiling END;
