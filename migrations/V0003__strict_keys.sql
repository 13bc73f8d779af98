-- Keys whose requests are refused where they would otherwise be adjusted, or ignored in part.

ALTER TABLE virtual_keys ADD COLUMN strict boolean NOT NULL DEFAULT false;
