-- Who may call, and what the operator has decided.

-- Small facts about this installation, such as the fingerprint of the key pepper.
CREATE TABLE settings (
    key        text        PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_]{0,62}$'),
    value      jsonb       NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The newest migration that a program has to know to work with this schema.
-- A migration that takes something away raises it; README.md has the rules.
INSERT INTO settings (key, value) VALUES ('schema_needs', '1');

CREATE TABLE teams (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL UNIQUE CHECK (name = btrim(name) AND char_length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The only table with personal data.
CREATE TABLE users (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email      text        NOT NULL UNIQUE CHECK (email = lower(email) AND email = btrim(email) AND char_length(email) BETWEEN 3 AND 254),
    team_id    bigint      REFERENCES teams (id),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_team_id ON users (team_id);

CREATE TABLE virtual_keys (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL CHECK (name = btrim(name) AND char_length(name) BETWEEN 1 AND 200),
    -- HMAC-SHA-256 under a pepper that is not in this database: a row forged here opens nothing.
    hash       bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    last_four  text        NOT NULL CHECK (char_length(last_four) = 4),
    user_id    bigint      REFERENCES users (id),
    -- Who is charged; where it is null, the user's team is.
    team_id    bigint      REFERENCES teams (id),
    -- Friendly names of the models that may be called; null means all of them.
    models     text[]      CHECK (array_position(models, NULL) IS NULL),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz CHECK (isfinite(expires_at)),
    revoked_at timestamptz CHECK (isfinite(revoked_at))
);
CREATE INDEX virtual_keys_user_id ON virtual_keys (user_id);
CREATE INDEX virtual_keys_team_id ON virtual_keys (team_id);

-- The operator's entries of the model catalogue, each in the place of one that comes with the program.
CREATE TABLE models (
    name       text        PRIMARY KEY,
    position   integer     NOT NULL CHECK (position >= 0),
    entry      jsonb       NOT NULL CHECK (entry ->> 'name' = name),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Tells every gateway at once that what a key grants may have changed.
-- The payload is a table and a row number: whoever overhears it learns nothing that opens anything.
CREATE FUNCTION notify_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('llmlite_changes',
                      TG_TABLE_NAME || ' ' || CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END);
    RETURN NULL;
END $$;

CREATE TRIGGER virtual_keys_changed AFTER INSERT OR UPDATE OR DELETE ON virtual_keys
    FOR EACH ROW EXECUTE FUNCTION notify_change();
CREATE TRIGGER users_changed AFTER INSERT OR UPDATE OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION notify_change();
CREATE TRIGGER teams_changed AFTER INSERT OR UPDATE OR DELETE ON teams
    FOR EACH ROW EXECUTE FUNCTION notify_change();
