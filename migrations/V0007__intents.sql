-- Requests under way, in the database: what the loss of a gateway with its disk would take along.

-- Where requests that a budget pays for are written down before they run; null means where the
-- gateway is set to.
ALTER TABLE limits
    ADD COLUMN durability text CHECK (durability IN ('journal', 'async', 'sync')),
    ADD CHECK (measure = 'budget' OR durability IS NULL);

-- As in V0004, and durability with the rest.
CREATE OR REPLACE FUNCTION inherit(member_kind text, ids bigint[]) RETURNS void
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
                             overdraft, fit, shadow, thresholds, durability, inherited_from)
    SELECT member_kind, member, model, measure, period, ceiling, raise_to, raise_until,
           overdraft, fit, shadow, thresholds, durability, id
      FROM wanted
    ON CONFLICT ON CONSTRAINT limits_one_of_a_kind DO UPDATE SET
        ceiling = excluded.ceiling, raise_to = excluded.raise_to, raise_until = excluded.raise_until,
        overdraft = excluded.overdraft, fit = excluded.fit, shadow = excluded.shadow,
        thresholds = excluded.thresholds, durability = excluded.durability,
        inherited_from = excluded.inherited_from, updated_at = now()
     WHERE l.inherited_from IS NOT NULL
       AND (l.ceiling, l.raise_to, l.raise_until, l.overdraft, l.fit, l.shadow, l.thresholds, l.durability,
            l.inherited_from)
           IS DISTINCT FROM (excluded.ceiling, excluded.raise_to, excluded.raise_until, excluded.overdraft,
                             excluded.fit, excluded.shadow, excluded.thresholds, excluded.durability,
                             excluded.inherited_from);
END $$;

-- The record is what has to be charged if nothing more is heard of the request: as in the journal, a
-- row of the ledger at its worst case, and never a prompt.
CREATE TABLE usage_intent (
    event_id    uuid        PRIMARY KEY,
    instance_id bigint      NOT NULL,
    record      jsonb       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 2000);
CREATE INDEX usage_intent_instance_id ON usage_intent (instance_id, event_id);

-- Since when a life is taken for lost with its disk. Its leases may still count as taken.
ALTER TABLE gateway_instances
    ADD COLUMN orphaned_at timestamptz,
    ADD CHECK (orphaned_at IS NULL OR closed_at IS NOT NULL);

-- Puts on the list what an instance has begun, and takes off what has ended. Returns whether the
-- instance may begin anything: nothing is put down for one that was closed.
CREATE FUNCTION note_intents(me bigint, begun uuid[], records text[], ended uuid[]) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM usage_intent i WHERE i.event_id = ANY (ended);
    IF cardinality(begun) = 0 THEN
        RETURN true;
    END IF;
    IF NOT EXISTS (SELECT FROM gateway_instances i WHERE i.id = me AND i.closed_at IS NULL) THEN
        RETURN false;
    END IF;
    INSERT INTO usage_intent (event_id, instance_id, record)
    SELECT event_id, me, record::jsonb
      FROM unnest(begun, records) AS given (event_id, record) ORDER BY event_id
    ON CONFLICT DO NOTHING;
    RETURN true;
END $$;

-- Gives back all that is leased to a life that is over.
CREATE FUNCTION release_leases(me bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM budget_accounts a JOIN budget_leases o USING (limit_id, starts)
      WHERE o.instance_id = me ORDER BY a.limit_id, a.starts FOR UPDATE OF a;
    WITH given AS (DELETE FROM budget_leases o WHERE o.instance_id = me RETURNING o.limit_id, o.starts, o.held)
    UPDATE budget_accounts a SET granted = a.granted - g.held
      FROM given g
     WHERE a.limit_id = g.limit_id AND a.starts = g.starts AND g.held > 0;
END $$;

-- Ends a life all of whose requests are in the ledger: gives back all that is leased to it, and has
-- its further calls refused. Returns whether it was still open, or had leases that were held back.
CREATE OR REPLACE FUNCTION close_instance(me bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    mine gateway_instances;
BEGIN
    SELECT * INTO mine FROM gateway_instances i WHERE i.id = me FOR UPDATE;
    IF mine.id IS NULL
       OR (mine.closed_at IS NOT NULL AND NOT EXISTS (SELECT FROM budget_leases o WHERE o.instance_id = me)) THEN
        DELETE FROM usage_intent i WHERE i.instance_id = me;
        RETURN false;
    END IF;
    -- From here on no call of its own can change its leases; the ledger's statement still can.
    UPDATE gateway_instances i SET closed_at = coalesce(i.closed_at, clock_timestamp()) WHERE i.id = me;
    PERFORM release_leases(me);
    DELETE FROM permit_leases o WHERE o.instance_id = me;
    DELETE FROM usage_intent i WHERE i.instance_id = me;
    RETURN true;
END $$;

-- Takes a life for lost with its disk, unless it has called since its last call was "seen".
-- Its permits count no more anyway.
CREATE FUNCTION orphan_instance(life bigint, seen bigint, release boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE gateway_instances i SET closed_at = clock_timestamp(), orphaned_at = clock_timestamp()
     WHERE i.id = life AND i.call = seen AND i.closed_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF release THEN
        PERFORM release_leases(life);
    END IF;
    DELETE FROM permit_leases o WHERE o.instance_id = life;
    RETURN true;
END $$;
