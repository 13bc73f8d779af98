-- Whoever announces that a threshold was crossed files it in the outbox of the webhook with the
-- same row, so that nobody's death can lose it. Any gateway delivers it.
ALTER TABLE budget_announcements
    -- The webhook's id, the same at every attempt.
    ADD COLUMN id           uuid        NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    ADD COLUMN attempts     integer     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- When the next attempt may begin: at once, after a pause, or when the claim of whoever makes
    -- the present one has passed.
    ADD COLUMN due_at       timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN delivered_at timestamptz,
    ADD COLUMN given_up_at  timestamptz;

CREATE INDEX budget_announcements_due ON budget_announcements (due_at)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;
