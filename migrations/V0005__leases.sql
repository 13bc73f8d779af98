-- What gateways have on lease of limits, and what was spent of budgets.
--
-- Whoever locks rows takes them in this order, so that nobody waits in a circle: the instance, rows
-- of usage by event, roll-ups by their key, accounts, rates and pools, each by rising number.
-- Rows of leases are changed under the lock of their account or pool only.
-- What is read to reckon with is read by a statement that begins after the lock was taken: a
-- statement sees other rows as they were when it began.

-- One life of a gateway process. Its number fences its leases: no two lives share any.
CREATE TABLE gateway_instances (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Where it runs, for operators.
    host       text        NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When its last call was carried out.
    heard_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The last call that was carried out; none with a lower number ever will be.
    call       bigint      NOT NULL DEFAULT 0 CHECK (call >= 0),
    -- Since when its leases are given back and its calls are refused.
    closed_at  timestamptz
) WITH (fillfactor = 50);
CREATE INDEX gateway_instances_open ON gateway_instances (id) WHERE closed_at IS NULL;

-- A budget in one of its windows. There is no foreign key to limits: money that was spent stays
-- spent, and a limit that is gone limits nothing.
CREATE TABLE budget_accounts (
    limit_id     bigint      NOT NULL,
    -- A whole second; the beginning of 1970 for a lifetime.
    starts       timestamptz NOT NULL,
    -- Null for a lifetime, and until a gateway has told it.
    ends         timestamptz CHECK (ends > starts),
    -- All in nanodollars. Spent for good: a correction may lower it.
    settled      bigint      NOT NULL DEFAULT 0,
    -- On lease: the sum of what the leases hold.
    granted      bigint      NOT NULL DEFAULT 0 CHECK (granted >= 0),
    -- Until then all that lies idle is asked back.
    recall_until timestamptz,
    PRIMARY KEY (limit_id, starts)
) WITH (fillfactor = 50);
CREATE INDEX budget_accounts_recall_until ON budget_accounts (recall_until) WHERE recall_until IS NOT NULL;

CREATE TABLE budget_leases (
    limit_id    bigint      NOT NULL,
    starts      timestamptz NOT NULL,
    instance_id bigint      NOT NULL,
    held        bigint      NOT NULL DEFAULT 0 CHECK (held >= 0),
    -- All that the ledger ever took out of it to settle requests.
    drawn       bigint      NOT NULL DEFAULT 0 CHECK (drawn >= 0),
    PRIMARY KEY (limit_id, starts, instance_id)
) WITH (fillfactor = 50);
CREATE INDEX budget_leases_instance_id ON budget_leases (instance_id);

-- Rates, in a ring of 31 slots of two seconds.
CREATE TABLE rate_windows (
    limit_id bigint   PRIMARY KEY,
    -- The current slot, counted from the beginning of 1970; never moves back.
    head     bigint   NOT NULL,
    -- What was granted in each slot, the oldest first and the current one last.
    used     bigint[] NOT NULL DEFAULT array_fill(0::bigint, ARRAY[31]) CHECK (cardinality(used) = 31)
) WITH (fillfactor = 50);

-- Only there to be locked.
CREATE TABLE permit_pools (
    limit_id bigint PRIMARY KEY
);

CREATE TABLE permit_leases (
    limit_id    bigint NOT NULL,
    instance_id bigint NOT NULL,
    permits     bigint NOT NULL CHECK (permits > 0),
    PRIMARY KEY (limit_id, instance_id)
) WITH (fillfactor = 50);
CREATE INDEX permit_leases_instance_id ON permit_leases (instance_id);

-- Thresholds that somebody was told of, once in each window.
CREATE TABLE budget_announcements (
    limit_id     bigint      NOT NULL,
    starts       timestamptz NOT NULL,
    threshold    smallint    NOT NULL CHECK (threshold BETWEEN 1 AND 100),
    settled      bigint      NOT NULL,
    ceiling      bigint      NOT NULL,
    announced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (limit_id, starts, threshold)
);

-- Whose lease paid, and which accounts were charged: pairs of a limit and the beginning of its
-- window, in seconds since 1970, one after the other; null where none was.
ALTER TABLE usage_event
    ADD COLUMN instance_id bigint,
    ADD COLUMN charged     bigint[] CHECK (cardinality(charged) % 2 = 0);

-- The accounts that a row of usage was charged to.
CREATE FUNCTION charged_accounts(charged bigint[]) RETURNS TABLE (limit_id bigint, starts timestamptz)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT charged[2 * i - 1], to_timestamp(charged[2 * i]) FROM generate_series(1, cardinality(charged) / 2) AS i
$$;

-- Whether an instance counts: it is not closed, and was heard of in the 30 seconds before "clock".
CREATE FUNCTION is_heard(i gateway_instances, clock timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN i.closed_at IS NULL AND i.heard_at >= clock - interval '30 s';

-- A ceiling to reckon with: "unlimited" is more than anybody asks for, and far enough from the end
-- of the numbers to add to it.
CREATE FUNCTION finite_ceiling(ceiling bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN least(coalesce(ceiling, 9223372036854775807), 9223372036854775807 / 4);

-- By how much a lease grows when "rest" is left and "live" instances share it: what waits comes
-- first, and what would be good to have besides gets smaller and smaller towards the end.
CREATE FUNCTION lease_growth(rest bigint, at_least bigint, ask bigint, want bigint, live bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN rest < at_least OR rest <= 0 THEN 0
            ELSE greatest(least(ask, rest), least(want, rest / (2 * live)), 0) END;

-- The lines of budgets of one call.
CREATE FUNCTION exchange_budgets(
    me bigint, clock timestamptz, live bigint,
    limit_ids bigint[], beginnings timestamptz[], endings timestamptz[],
    leasts bigint[], asks bigint[], wants bigint[], gives bigint[],
    OUT ceilings bigint[], OUT overdrafts bigint[], OUT spent bigint[], OUT elsewhere bigint[],
    OUT rests bigint[], OUT totals bigint[], OUT draws bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    news boolean[];
BEGIN
    -- Opens those that are missing, and locks all of them, also where there is nothing to set.
    INSERT INTO budget_accounts AS a (limit_id, starts, ends)
    SELECT * FROM unnest(limit_ids, beginnings, endings) AS line (limit_id, starts, ends) ORDER BY 1, 2
    ON CONFLICT (limit_id, starts) DO UPDATE SET ends = excluded.ends
     WHERE a.ends IS NULL AND excluded.ends IS NOT NULL;

    WITH seen AS (
        SELECT line.*, a.settled, a.granted, coalesce(o.held, 0) AS held, coalesce(o.drawn, 0) AS drawn,
               coalesce(a.recall_until > clock, false) AS recalled,
               present_ceiling(l) AS ceiling, coalesce(l.overdraft, 0) AS overdraft
          FROM unnest(limit_ids, beginnings, leasts, asks, wants, gives) WITH ORDINALITY
                 AS line (limit_id, starts, at_least, ask, want, give, place)
          JOIN budget_accounts a USING (limit_id, starts)
          LEFT JOIN budget_leases o ON o.limit_id = line.limit_id AND o.starts = line.starts AND o.instance_id = me
          LEFT JOIN limits l ON l.id = line.limit_id),
    reckoned AS (
        SELECT seen.*, finite_ceiling(ceiling) + finite_ceiling(overdraft) - settled - granted AS rest FROM seen),
    moved AS (
        SELECT reckoned.*,
               CASE WHEN give > 0 THEN -least(give, held)
                    ELSE lease_growth(rest, at_least, ask, want, live) END AS change,
               -- The same as rest < 4 * live * ask, which may be too large a number.
               ask > 0 AND rest / (4 * live) < ask AS short
          FROM reckoned),
    accounts AS (
        UPDATE budget_accounts a
           SET granted = a.granted + m.change,
               recall_until = CASE WHEN m.short THEN clock + interval '3 s' ELSE a.recall_until END
          FROM moved m
         WHERE a.limit_id = m.limit_id AND a.starts = m.starts AND (m.change <> 0 OR m.short)),
    leases AS (
        INSERT INTO budget_leases AS o (limit_id, starts, instance_id, held)
        SELECT limit_id, starts, me, held + change FROM moved WHERE change <> 0
        ON CONFLICT (limit_id, starts, instance_id) DO UPDATE SET held = excluded.held)
    SELECT array_agg(m.ceiling), array_agg(m.overdraft), array_agg(m.settled), array_agg(m.granted - m.held),
           array_agg(m.rest - m.change), array_agg(m.held + m.drawn + m.change), array_agg(m.drawn),
           array_agg(m.short AND NOT m.recalled)
      INTO ceilings, overdrafts, spent, elsewhere, rests, totals, draws, news
      FROM (SELECT * FROM moved ORDER BY place) AS m;

    -- Only when a recall begins: a notification makes its commit wait for all others that notify.
    PERFORM pg_notify('llmlite_changes', 'recall ' || line.limit_id || ' ' || extract(epoch FROM line.starts)::bigint)
       FROM unnest(limit_ids, beginnings, news) AS line (limit_id, starts, begins)
      WHERE line.begins;
END $$;

-- The lines of rates of one call. Refunds are told apart by the place of their line, and come in
-- the order of the lines.
CREATE FUNCTION exchange_rates(
    clock timestamptz, live bigint,
    limit_ids bigint[], leasts bigint[], asks bigint[], wants bigint[], extras bigint[],
    refund_places bigint[], refund_slots bigint[], refund_units bigint[],
    OUT ceilings bigint[], OUT grants bigint[], OUT slots bigint[], OUT rests bigint[], OUT frees bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    present bigint := floor(extract(epoch FROM clock) / 2);
    line    record;
    ring    bigint[];
    latest  bigint;
    turn    integer;
    refund  integer := 1;
    high    bigint;
    rest    bigint;
    taken   bigint;
    missing bigint;
    free_at bigint;
BEGIN
    INSERT INTO rate_windows AS w (limit_id, head)
    SELECT limit_id, present FROM unnest(limit_ids) AS line (limit_id) ORDER BY 1
    ON CONFLICT (limit_id) DO UPDATE SET head = w.head WHERE false;

    FOR line IN
        SELECT given.*, w.head, w.used, present_ceiling(l) AS ceiling
          FROM unnest(limit_ids, leasts, asks, wants, extras) WITH ORDINALITY
                 AS given (limit_id, at_least, ask, want, extra, place)
          JOIN rate_windows w USING (limit_id)
          LEFT JOIN limits l ON l.id = given.limit_id
         ORDER BY given.place
    LOOP
        latest := greatest(line.head, present);
        turn := least(31, latest - line.head);
        ring := line.used;
        IF turn > 0 THEN
            ring := ring[turn + 1:] || array_fill(0::bigint, ARRAY[turn]);
        END IF;
        WHILE refund_places[refund] = line.place LOOP
            IF refund_slots[refund] BETWEEN latest - 30 AND latest THEN
                turn := 31 - (latest - refund_slots[refund]);
                ring[turn] := greatest(0, ring[turn] - refund_units[refund]);
            END IF;
            refund := refund + 1;
        END LOOP;
        ring[31] := ring[31] + line.extra;

        high := finite_ceiling(line.ceiling);
        rest := high - (SELECT sum(units) FROM unnest(ring) AS units);
        taken := lease_growth(rest, line.at_least, line.ask, line.want, live);
        free_at := CASE WHEN line.at_least <= rest THEN latest END;
        missing := greatest(1, line.at_least - rest);
        FOR i IN 1..31 LOOP
            missing := missing - ring[i];
            IF missing <= 0 THEN
                free_at := latest + i;
                EXIT;
            END IF;
        END LOOP;

        ring[31] := ring[31] + taken;
        UPDATE rate_windows w SET head = latest, used = ring
         WHERE w.limit_id = line.limit_id AND (w.head, w.used) IS DISTINCT FROM (latest, ring);
        ceilings := ceilings || line.ceiling;
        grants := grants || taken;
        slots := slots || latest;
        rests := rests || rest - taken;
        frees := frees || free_at;
    END LOOP;
END $$;

-- The lines of permits of one call.
CREATE FUNCTION exchange_permits(
    me bigint, clock timestamptz, limit_ids bigint[], holds bigint[], busies bigint[],
    OUT ceilings bigint[], OUT here bigint[], OUT elsewhere bigint[]
) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO permit_pools AS p (limit_id)
    SELECT limit_id FROM unnest(limit_ids) AS line (limit_id) ORDER BY 1
    ON CONFLICT (limit_id) DO UPDATE SET limit_id = p.limit_id WHERE false;

    -- A statement of its own: summed by the statement that waits for the locks, the others' permits
    -- would be those of before the wait.
    WITH seen AS (
        SELECT line.*, present_ceiling(l) AS ceiling,
               coalesce((SELECT sum(o.permits) FROM permit_leases o JOIN gateway_instances i ON i.id = o.instance_id
                          WHERE o.limit_id = line.limit_id AND o.instance_id <> me AND is_heard(i, clock)), 0)::bigint AS others
          FROM unnest(limit_ids, holds, busies) WITH ORDINALITY AS line (limit_id, hold, busy, place)
          LEFT JOIN limits l ON l.id = line.limit_id),
    moved AS (
        SELECT seen.*, greatest(0, least(hold, finite_ceiling(ceiling) - others)) AS held FROM seen),
    -- What is under way counts, also where the ceiling has no room for it any more.
    booked AS (
        SELECT moved.*, greatest(held, busy) AS permits FROM moved),
    gone AS (
        DELETE FROM permit_leases o USING booked b
         WHERE o.limit_id = b.limit_id AND o.instance_id = me AND b.permits = 0),
    leases AS (
        INSERT INTO permit_leases AS o (limit_id, instance_id, permits)
        SELECT limit_id, me, permits FROM booked WHERE permits > 0
        ON CONFLICT (limit_id, instance_id) DO UPDATE SET permits = excluded.permits
         WHERE o.permits <> excluded.permits)
    SELECT array_agg(m.ceiling), array_agg(m.held), array_agg(m.others)
      INTO ceilings, here, elsewhere
      FROM (SELECT * FROM moved ORDER BY place) AS m;
END $$;

-- Carries out one call of an instance, and tells for each of its lines how things stand; an array
-- is null where there was no line.
--
-- The outcome is "done"; or "fenced", when the instance was closed or is not known; or "stale", when
-- this call or a later one was carried out before. In both of these cases nothing is done.
CREATE FUNCTION exchange_quota(
    me bigint, number bigint,
    budget_limits bigint[], budget_starts timestamptz[], budget_ends timestamptz[],
    budget_leasts bigint[], budget_asks bigint[], budget_wants bigint[], budget_gives bigint[],
    rate_limits bigint[], rate_leasts bigint[], rate_asks bigint[], rate_wants bigint[], rate_extras bigint[],
    refund_places bigint[], refund_slots bigint[], refund_units bigint[],
    permit_limits bigint[], permit_holds bigint[], permit_busies bigint[],
    OUT outcome text, OUT clock timestamptz, OUT live bigint,
    OUT budget_ceilings bigint[], OUT budget_overdrafts bigint[], OUT budget_settled bigint[],
    OUT budget_others bigint[], OUT budget_left bigint[], OUT budget_granted bigint[], OUT budget_drawn bigint[],
    OUT rate_ceilings bigint[], OUT rate_granted bigint[], OUT rate_slots bigint[], OUT rate_left bigint[],
    OUT rate_frees bigint[],
    OUT permit_ceilings bigint[], OUT permit_held bigint[], OUT permit_others bigint[],
    OUT recalled_limits bigint[], OUT recalled_starts timestamptz[]
) LANGUAGE plpgsql AS $$
DECLARE
    mine gateway_instances;
BEGIN
    SELECT * INTO mine FROM gateway_instances i WHERE i.id = me FOR UPDATE;
    IF mine.id IS NULL OR mine.closed_at IS NOT NULL THEN
        outcome := 'fenced';
        RETURN;
    END IF;
    IF number <= mine.call THEN
        outcome := 'stale';
        RETURN;
    END IF;
    outcome := 'done';
    clock := clock_timestamp();
    UPDATE gateway_instances i SET call = number, heard_at = greatest(i.heard_at, clock) WHERE i.id = me;
    SELECT greatest(1, count(*)) INTO live FROM gateway_instances i WHERE is_heard(i, clock);

    IF cardinality(budget_limits) > 0 THEN
        SELECT * INTO budget_ceilings, budget_overdrafts, budget_settled, budget_others, budget_left,
                      budget_granted, budget_drawn
          FROM exchange_budgets(me, clock, live, budget_limits, budget_starts, budget_ends,
                                budget_leasts, budget_asks, budget_wants, budget_gives);
    END IF;
    IF cardinality(rate_limits) > 0 THEN
        SELECT * INTO rate_ceilings, rate_granted, rate_slots, rate_left, rate_frees
          FROM exchange_rates(clock, live, rate_limits, rate_leasts, rate_asks, rate_wants, rate_extras,
                              refund_places, refund_slots, refund_units);
    END IF;
    IF cardinality(permit_limits) > 0 THEN
        SELECT * INTO permit_ceilings, permit_held, permit_others
          FROM exchange_permits(me, clock, permit_limits, permit_holds, permit_busies);
    END IF;
    SELECT array_agg(o.limit_id), array_agg(o.starts) INTO recalled_limits, recalled_starts
      FROM (SELECT o.limit_id, o.starts
              FROM budget_accounts a
              JOIN budget_leases o ON o.limit_id = a.limit_id AND o.starts = a.starts AND o.instance_id = me
             WHERE a.recall_until > clock AND o.held > 0
             ORDER BY 1, 2) AS o;
END $$;

-- Charges accounts with what was spent, each with "costs" and with "corrections", which are not above
-- zero. A cost moves out of the lease of the instance as far as that goes, and what the lease does
-- not cover is charged all the same. A correction leaves leases alone: nobody set the money aside.
CREATE FUNCTION charge_budgets(
    me bigint, limit_ids bigint[], beginnings timestamptz[], costs bigint[], corrections bigint[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    charged bigint;
BEGIN
    INSERT INTO budget_accounts AS a (limit_id, starts)
    SELECT * FROM unnest(limit_ids, beginnings) AS charge (limit_id, starts) ORDER BY 1, 2
    ON CONFLICT (limit_id, starts) DO UPDATE SET settled = a.settled WHERE false;

    WITH charges AS (
        SELECT charge.*, least(charge.cost, coalesce(o.held, 0)) AS covered
          FROM unnest(limit_ids, beginnings, costs, corrections) AS charge (limit_id, starts, cost, correction)
          LEFT JOIN budget_leases o
                 ON o.limit_id = charge.limit_id AND o.starts = charge.starts AND o.instance_id = me),
    leases AS (
        UPDATE budget_leases o SET held = o.held - c.covered, drawn = o.drawn + c.covered
          FROM charges c
         WHERE o.limit_id = c.limit_id AND o.starts = c.starts AND o.instance_id = me AND c.covered > 0)
    UPDATE budget_accounts a SET settled = a.settled + c.cost + c.correction, granted = a.granted - c.covered
      FROM charges c
     WHERE a.limit_id = c.limit_id AND a.starts = c.starts;
    GET DIAGNOSTICS charged = ROW_COUNT;
    RETURN charged;
END $$;

-- Ends a life: gives back all that is leased to it, and has its further calls refused. Returns
-- whether it was still open.
CREATE FUNCTION close_instance(me bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    -- From here on no call of its own can change its leases; the ledger's statement still can.
    UPDATE gateway_instances i SET closed_at = clock_timestamp() WHERE i.id = me AND i.closed_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM 1 FROM budget_accounts a JOIN budget_leases o USING (limit_id, starts)
      WHERE o.instance_id = me ORDER BY a.limit_id, a.starts FOR UPDATE OF a;
    WITH given AS (DELETE FROM budget_leases o WHERE o.instance_id = me RETURNING o.limit_id, o.starts, o.held)
    UPDATE budget_accounts a SET granted = a.granted - g.held
      FROM given g
     WHERE a.limit_id = g.limit_id AND a.starts = g.starts AND g.held > 0;
    DELETE FROM permit_leases o WHERE o.instance_id = me;
    RETURN true;
END $$;

-- Names this installation for good, so that what a gateway left on a disk is never taken for
-- another installation's.
INSERT INTO settings (key, value) VALUES ('installation', to_jsonb(gen_random_uuid()));
