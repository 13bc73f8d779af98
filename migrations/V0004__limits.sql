-- How much of everything may be used and by whom, and how every gateway hears of changes.

-- Friendly names of the models that may be called; null means all of them. A key may call what it,
-- its user, its team and the organisation (settings.organisation_models) may call.
ALTER TABLE users ADD COLUMN models text[] CHECK (array_position(models, NULL) IS NULL);
ALTER TABLE teams ADD COLUMN models text[] CHECK (array_position(models, NULL) IS NULL);

-- Whether the answers that are on their way with a revoked key are cut as well, and not only what
-- comes after its revocation.
ALTER TABLE virtual_keys ADD COLUMN cut_streams boolean NOT NULL DEFAULT false
    CHECK (revoked_at IS NOT NULL OR NOT cut_streams);

-- One limit: one measure of one subject, overall or for one model. The columns down to "period" say
-- which one it is and never change.
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
    -- The default that it comes from, where it was not set on the subject itself. Deferred, because
    -- what comes from a default that goes looks for another one after it has gone. Its own number
    -- means that it is to look for one, and to go if there is none (function inherit).
    inherited_from bigint      REFERENCES limits (id) DEFERRABLE INITIALLY DEFERRED,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((period IS NOT NULL) = (measure = 'budget')),
    CHECK (raise_until IS NOT NULL OR raise_to IS NULL),
    CHECK (measure = 'budget' OR (overdraft = 0 AND thresholds = '{}')),
    CHECK (1 <= ALL (thresholds) AND 100 >= ALL (thresholds) AND array_position(thresholds, NULL) IS NULL),
    CHECK (each IS NULL OR inherited_from IS NULL),
    -- Only what is wider has such members.
    CHECK (each IS NULL OR subject_kind = 'organisation'
           OR (subject_kind = 'team' AND each <> 'team') OR (subject_kind = 'user' AND each = 'key')),
    CONSTRAINT limits_one_of_a_kind UNIQUE NULLS NOT DISTINCT (subject_kind, subject_id, each, model, measure, period)
);
CREATE INDEX limits_defaults ON limits (each) WHERE each IS NOT NULL;
CREATE INDEX limits_inherited_from ON limits (inherited_from) WHERE inherited_from IS NOT NULL;

-- How high a limit is at this moment, in the units of its measure; null means unlimited.
CREATE FUNCTION present_ceiling(l limits) RETURNS bigint
LANGUAGE sql VOLATILE
RETURN CASE WHEN l.raise_until > clock_timestamp() THEN l.raise_to ELSE l.ceiling END;

-- What has changed, in the order of the commits: the last ten thousand. A gateway that follows them
-- by number misses nothing, whatever becomes of a notification.
CREATE TABLE changes (
    seq          bigint      PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind         text        NOT NULL CHECK (kind IN ('key', 'user', 'team', 'limit', 'models', 'organisation', 'many')),
    id           bigint,
    -- Whom a limit binds.
    subject_kind text,
    subject_id   bigint
);

-- The number of the newest change. Whoever changes something locks this row before anything else,
-- to the end of the transaction: so numbers follow commits, changes of defaults and of members
-- never miss each other, and no two administrators wait for each other in a ring.
CREATE TABLE change_counter (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq      bigint  NOT NULL
) WITH (fillfactor = 10);
INSERT INTO change_counter (seq) VALUES (0);

CREATE FUNCTION begin_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM change_counter FOR UPDATE;
    RETURN NULL;
END $$;

-- Of more than a thousand rows that one statement changed, it is enough to say that there were many.
CREATE FUNCTION write_changes(kind text, ids bigint[], subject_kinds text[] DEFAULT '{}', subject_ids bigint[] DEFAULT '{}')
RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    newest bigint;
    many   boolean := cardinality(ids) > 1000;
BEGIN
    IF coalesce(cardinality(ids), 0) = 0 THEN
        RETURN;
    END IF;
    UPDATE change_counter SET seq = seq + CASE WHEN many THEN 1 ELSE cardinality(ids) END
    RETURNING seq INTO newest;
    IF many THEN
        INSERT INTO changes (seq, kind) VALUES (newest, 'many');
    ELSE
        INSERT INTO changes (seq, kind, id, subject_kind, subject_id)
        SELECT newest - cardinality(ids) + c.place, write_changes.kind, c.id, c.subject_kind, c.subject_id
          FROM unnest(ids, subject_kinds, subject_ids) WITH ORDINALITY AS c(id, subject_kind, subject_id, place);
    END IF;
    DELETE FROM changes WHERE seq <= newest - 10000;
END $$;

-- A notification says no more than how far the changes go: who wants to know them reads them.
CREATE FUNCTION tell_of_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_notify('llmlite_changes', 'changes ' || seq) FROM change_counter;
    RETURN NULL;
END $$;
CREATE TRIGGER changes_told AFTER INSERT ON changes
    FOR EACH STATEMENT EXECUTE FUNCTION tell_of_changes();

-- Those who can have something from a default: of each, whose it could be.
CREATE VIEW members AS
SELECT 'key' AS kind, k.id, k.user_id, coalesce(k.team_id, u.team_id) AS team_id
  FROM virtual_keys k LEFT JOIN users u ON u.id = k.user_id
UNION ALL
SELECT 'user', id, NULL, team_id FROM users
UNION ALL
SELECT 'team', id, NULL, NULL FROM teams;

-- Gives members what the nearest defaults say, and takes away what none says any more. A limit that
-- was set on the member itself stays. One of a kind keeps its number, and with it what was used,
-- wherever it comes from. No ids means all members of the kind.
CREATE FUNCTION inherit(member_kind text, ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    WITH member AS (
        SELECT m.id, m.user_id, m.team_id FROM members m
         WHERE m.kind = member_kind AND (ids IS NULL OR m.id = ANY (ids))),
    wanted AS (
        SELECT DISTINCT ON (m.id, d.model, d.measure, d.period) m.id AS member, d.*
          FROM member m
          JOIN limits d ON d.each = member_kind
           AND (d.subject_kind = 'organisation'
                OR (d.subject_kind = 'team' AND d.subject_id = m.team_id)
                OR (d.subject_kind = 'user' AND d.subject_id = m.user_id))
         ORDER BY m.id, d.model, d.measure, d.period,
                  array_position(ARRAY['user', 'team', 'organisation'], d.subject_kind)),
    gone AS (
        DELETE FROM limits l USING member m
         WHERE l.subject_kind = member_kind AND l.subject_id = m.id AND l.inherited_from IS NOT NULL
           AND NOT EXISTS (
               SELECT FROM wanted w
                WHERE w.member = l.subject_id AND w.measure = l.measure
                  AND w.model IS NOT DISTINCT FROM l.model AND w.period IS NOT DISTINCT FROM l.period))
    INSERT INTO limits AS l (subject_kind, subject_id, model, measure, period, ceiling, raise_to, raise_until,
                             overdraft, fit, shadow, thresholds, inherited_from)
    SELECT member_kind, member, model, measure, period, ceiling, raise_to, raise_until,
           overdraft, fit, shadow, thresholds, id
      FROM wanted
    ON CONFLICT ON CONSTRAINT limits_one_of_a_kind DO UPDATE SET
        ceiling = excluded.ceiling, raise_to = excluded.raise_to, raise_until = excluded.raise_until,
        overdraft = excluded.overdraft, fit = excluded.fit, shadow = excluded.shadow,
        thresholds = excluded.thresholds, inherited_from = excluded.inherited_from, updated_at = now()
     WHERE l.inherited_from IS NOT NULL
       AND (l.ceiling, l.raise_to, l.raise_until, l.overdraft, l.fit, l.shadow, l.thresholds, l.inherited_from)
           IS DISTINCT FROM (excluded.ceiling, excluded.raise_to, excluded.raise_until, excluded.overdraft,
                             excluded.fit, excluded.shadow, excluded.thresholds, excluded.inherited_from);
END $$;

-- Teams, users and keys that were created or changed; the trigger's argument says which.
CREATE FUNCTION people_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kind text     := TG_ARGV[0];
    ids  bigint[] := array(SELECT id FROM touched ORDER BY id);
BEGIN
    PERFORM write_changes(kind, ids);
    PERFORM inherit(kind, ids);
    IF kind = 'user' AND TG_OP = 'UPDATE' THEN
        -- The keys of somebody who changes teams are charged elsewhere.
        PERFORM inherit('key', array(SELECT id FROM virtual_keys WHERE user_id = ANY (ids)));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION people_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM limits l USING touched t WHERE l.subject_kind = TG_ARGV[0] AND l.subject_id = t.id;
    PERFORM write_changes(TG_ARGV[0], array(SELECT id FROM touched ORDER BY id));
    RETURN NULL;
END $$;

-- Limits that were set, changed or taken away. Defaults bind nobody: what comes from them is told.
CREATE FUNCTION limits_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    again record;
BEGIN
    PERFORM write_changes('limit', array_agg(id ORDER BY id), array_agg(subject_kind ORDER BY id),
                          array_agg(subject_id ORDER BY id))
       FROM touched
      WHERE each IS NULL AND inherited_from IS DISTINCT FROM id;
    -- The members of those whose defaults were touched; null for all.
    FOR again IN
        SELECT d.each AS kind,
               CASE WHEN NOT bool_or(d.subject_kind = 'organisation') THEN array(
                   SELECT m.id FROM members m
                    WHERE m.kind = d.each
                      AND (m.team_id = ANY (array_agg(d.subject_id) FILTER (WHERE d.subject_kind = 'team'))
                           OR m.user_id = ANY (array_agg(d.subject_id) FILTER (WHERE d.subject_kind = 'user'))))
               END AS ids
          FROM touched d
         WHERE d.each IS NOT NULL
         GROUP BY d.each
    LOOP
        PERFORM inherit(again.kind, again.ids);
    END LOOP;
    -- Where a limit of the subject's own is to make room, or is gone, what a default says is back.
    FOR again IN
        SELECT subject_kind AS kind, array_agg(subject_id) AS ids
          FROM touched
         WHERE each IS NULL AND subject_kind <> 'organisation'
           AND CASE WHEN TG_OP = 'DELETE' THEN inherited_from IS NULL ELSE inherited_from = id END
         GROUP BY subject_kind
    LOOP
        PERFORM inherit(again.kind, again.ids);
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION models_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM touched) THEN
        PERFORM write_changes('models', ARRAY[NULL::bigint]);
    END IF;
    RETURN NULL;
END $$;

-- Of the settings, gateways go by the organisation's models.
CREATE FUNCTION settings_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM touched WHERE key = 'organisation_models') THEN
        PERFORM write_changes('organisation', ARRAY[NULL::bigint]);
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER virtual_keys_changed ON virtual_keys;
DROP TRIGGER users_changed ON users;
DROP TRIGGER teams_changed ON teams;
DROP FUNCTION notify_change();

CREATE TRIGGER change_begins BEFORE INSERT OR UPDATE OR DELETE ON virtual_keys
    FOR EACH STATEMENT EXECUTE FUNCTION begin_change();
CREATE TRIGGER inserted AFTER INSERT ON virtual_keys REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION people_changed('key');
CREATE TRIGGER updated AFTER UPDATE ON virtual_keys REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION people_changed('key');
CREATE TRIGGER deleted AFTER DELETE ON virtual_keys REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION people_deleted('key');

CREATE TRIGGER change_begins BEFORE INSERT OR UPDATE OR DELETE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION begin_change();
CREATE TRIGGER inserted AFTER INSERT ON users REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION people_changed('user');
CREATE TRIGGER updated AFTER UPDATE ON users REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION people_changed('user');
CREATE TRIGGER deleted AFTER DELETE ON users REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION people_deleted('user');

CREATE TRIGGER change_begins BEFORE INSERT OR UPDATE OR DELETE ON teams
    FOR EACH STATEMENT EXECUTE FUNCTION begin_change();
CREATE TRIGGER inserted AFTER INSERT ON teams REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION people_changed('team');
CREATE TRIGGER updated AFTER UPDATE ON teams REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION people_changed('team');
CREATE TRIGGER deleted AFTER DELETE ON teams REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION people_deleted('team');

CREATE TRIGGER change_begins BEFORE INSERT OR UPDATE OR DELETE ON limits
    FOR EACH STATEMENT EXECUTE FUNCTION begin_change();
CREATE TRIGGER inserted AFTER INSERT ON limits REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION limits_changed();
CREATE TRIGGER updated AFTER UPDATE ON limits REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION limits_changed();
CREATE TRIGGER deleted AFTER DELETE ON limits REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION limits_changed();

CREATE TRIGGER change_begins BEFORE INSERT OR UPDATE OR DELETE ON models
    FOR EACH STATEMENT EXECUTE FUNCTION begin_change();
CREATE TRIGGER inserted AFTER INSERT ON models REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION models_changed();
CREATE TRIGGER updated AFTER UPDATE ON models REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION models_changed();
CREATE TRIGGER deleted AFTER DELETE ON models REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION models_changed();

CREATE TRIGGER change_begins BEFORE INSERT OR UPDATE OR DELETE ON settings
    FOR EACH STATEMENT EXECUTE FUNCTION begin_change();
CREATE TRIGGER inserted AFTER INSERT ON settings REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION settings_changed();
CREATE TRIGGER updated AFTER UPDATE ON settings REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION settings_changed();
CREATE TRIGGER deleted AFTER DELETE ON settings REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION settings_changed();

-- Gives a role these rights on these tables, the right to run these functions, and nothing else in
-- this schema. Whoever runs it has to own them.
CREATE FUNCTION grant_rights(grantee text, tables text[], rights text[], functions text[])
RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    given   record;
    missing text := (SELECT string_agg(name, ', ') FROM unnest(functions) AS name
                      WHERE NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = name));
BEGIN
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'there is no function %', missing USING ERRCODE = 'undefined_function';
    END IF;
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', grantee);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM %I', grantee);
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', grantee);
    FOR given IN SELECT * FROM unnest(tables, rights) AS g(name, rights) LOOP
        EXECUTE format('GRANT %s ON TABLE %I TO %I', given.rights, given.name, grantee);
    END LOOP;
    -- Everybody may run a new function, unless told otherwise. Those of extensions are left alone.
    FOR given IN SELECT p.oid::regprocedure AS name, p.proname = ANY (functions) AS wanted
                   FROM pg_proc p
                  WHERE p.pronamespace = 'public'::regnamespace
                    AND NOT EXISTS (SELECT FROM pg_depend d
                                     WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, %I', given.name, grantee);
        IF given.wanted THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', given.name, grantee);
        END IF;
    END LOOP;
END $$;
